#include "main/stock_ledger.hpp"

#include <chrono>
#include <filesystem>

#include "kernel/sql/migrate.hpp"
#include "platform/sqlite/beside.hpp"

namespace stoa {
namespace {

constexpr std::string_view prefix = "catalog_";
/// What comes meanwhile is gathered, so that a slice writes a page for several rows: the rows of an
/// instant lie all over the table. Who reads the ledger folds the rest from the log.
constexpr std::chrono::milliseconds pause{1'000};

}  // namespace

std::unique_ptr<sqlite::Database> open_to_read(const std::string& folder) {
  const auto ledger = folder + "/" + std::string(stock_ledger_file);
  return sqlite::open_with(folder + "/shop.db", std::filesystem::exists(ledger) ? ledger : "");
}

StockLedgerHost::StockLedgerHost(const std::string& file, const std::string& shop_file,
                                 const Clock& clock, const Crypto& crypto,
                                 std::function<void(const std::string&)> report_defect)
    : clock_(clock),
      report_defect_(std::move(report_defect)),
      file_(sqlite::open_projection(file)),
      shop_(sqlite::open(shop_file, sqlite::Database::Mode::reader)) {
  sql::migrate(*file_, catalog::ledger_migrations());
  db_ = file_->handle(prefix);
  shop_db_ = shop_->handle(prefix);
  log_ = make_stored_log(*shop_db_, prefix, crypto);
}

void StockLedgerHost::start(catalog::Catalog& catalog) {
  thread_ = std::thread([this, &catalog] { run(catalog); });
}

void StockLedgerHost::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void StockLedgerHost::run(catalog::Catalog& catalog) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool more = slice(catalog);
    lock.lock();
    if (!more) wake_.wait_for(lock, pause, [this] { return stopping_; });
  }
}

bool StockLedgerHost::slice(catalog::Catalog& catalog) {
  bool more = false;
  try {
    UnitOfWork unit(clock_.now());
    shop_->begin();
    file_->begin();
    more = catalog.project_slice(unit);
    file_->commit();
    for (const auto& action : unit.take_after_commit()) action();
  } catch (const std::exception& e) {
    report_defect_(std::string("The stock ledger could not be carried on: ") + e.what());
    file_->rollback();
    catalog.forget_slices();
    more = false;
  }
  shop_->rollback();
  return more;
}

}  // namespace stoa
