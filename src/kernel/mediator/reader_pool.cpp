#include "kernel/mediator/reader_pool.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/eventlog/stored_log.hpp"

namespace stoa {
namespace {

struct Query {
  std::string prefix;
  std::function<void(Store)> run;
  std::function<void()> failed;
};

class Pool final : public ReaderPool {
 public:
  Pool(sql::OpenDatabase open, int threads, const Crypto& crypto,
       std::function<void(const std::string&)> report_defect, std::size_t waiting_max)
      : open_(std::move(open)),
        crypto_(crypto),
        report_defect_(std::move(report_defect)),
        waiting_max_(waiting_max) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
  }
  ~Pool() override { stop(); }

  std::unique_ptr<Readers> of(std::string prefix) override;

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }

  bool submit(Query query) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || queries_.size() >= waiting_max_) return false;
      queries_.push_back(std::move(query));
    }
    wake_.notify_one();
    return true;
  }

 private:
  struct View {
    std::unique_ptr<sql::Connection> db;
    std::unique_ptr<StoredLog> log;
  };

  void serve() {
    const auto database = open_();
    std::map<std::string, View> views;
    while (auto query = next()) {
      auto& view = views[query->prefix];
      if (!view.db) {
        view.db = database->handle(query->prefix);
        view.log = make_stored_log(*view.db, query->prefix, crypto_);
      }
      try {
        database->begin();
        query->run(Store{*view.db, *view.log});
      } catch (const std::exception& e) {
        report_defect_(std::string("A query failed: ") + e.what());
        query->failed();
      }
      database->rollback();
    }
  }

  std::optional<Query> next() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queries_.empty(); });
    if (queries_.empty()) return std::nullopt;
    auto query = std::move(queries_.front());
    queries_.pop_front();
    return query;
  }

  sql::OpenDatabase open_;
  const Crypto& crypto_;
  std::function<void(const std::string&)> report_defect_;
  std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Query> queries_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

class ServiceReaders final : public Readers {
 public:
  ServiceReaders(Pool& pool, std::string prefix) : pool_(pool), prefix_(std::move(prefix)) {}
  bool submit(std::function<void(Store)> query, std::function<void()> failed) override {
    return pool_.submit({prefix_, std::move(query), std::move(failed)});
  }

 private:
  Pool& pool_;
  std::string prefix_;
};

std::unique_ptr<Readers> Pool::of(std::string prefix) {
  return std::make_unique<ServiceReaders>(*this, std::move(prefix));
}

}  // namespace

std::unique_ptr<ReaderPool> make_reader_pool(sql::OpenDatabase open, int threads,
                                             const Crypto& crypto,
                                             std::function<void(const std::string&)> report_defect,
                                             std::size_t waiting_max) {
  return std::make_unique<Pool>(std::move(open), threads, crypto, std::move(report_defect),
                                waiting_max);
}

}  // namespace stoa
