#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "kernel/base/clock.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "platform/sqlite/database.hpp"
#include "services/catalog/module.hpp"

namespace stoa {

/// In the shop's folder.
inline constexpr std::string_view stock_ledger_file = "stock-ledger.db";

/// The files of a shop that does not run, to be read: the ledger's beside the shop's, if it is
/// there.
std::unique_ptr<sqlite::Database> open_to_read(const std::string& folder);

/// The file of the stock ledger and the thread that carries Catalog's log into it, off the write
/// path: the file can be made again, so its commits wait for no disk.
class StockLedgerHost {
 public:
  StockLedgerHost(const std::string& file, const std::string& shop_file, const Clock& clock,
                  const Crypto& crypto, std::function<void(const std::string&)> report_defect);
  StockLedgerHost(const StockLedgerHost&) = delete;
  StockLedgerHost& operator=(const StockLedgerHost&) = delete;
  ~StockLedgerHost() { stop(); }

  /// For make_catalog; lives as long as this.
  catalog::LedgerStore store() { return {*db_, *log_}; }
  void start(catalog::Catalog& catalog);
  void stop();

 private:
  void run(catalog::Catalog& catalog);
  bool slice(catalog::Catalog& catalog);

  const Clock& clock_;
  std::function<void(const std::string&)> report_defect_;
  std::unique_ptr<sqlite::Database> file_, shop_;
  std::unique_ptr<sql::Connection> db_, shop_db_;
  std::unique_ptr<StoredLog> log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stoa
