#include "platform/sqlite/checkpointer.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "platform/sqlite/database.hpp"

namespace stoa::sqlite {
namespace {

constexpr std::chrono::milliseconds pause{100};

class FileCheckpointer final : public Checkpointer {
 public:
  FileCheckpointer(const std::string& path, std::int64_t wal_bytes_max)
      : database_(open(path, Database::Mode::writer)),
        wal_bytes_max_(wal_bytes_max),
        thread_([this] { run(); }) {}
  FileCheckpointer(const FileCheckpointer&) = delete;
  FileCheckpointer& operator=(const FileCheckpointer&) = delete;
  ~FileCheckpointer() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, pause, [this] { return stopping_; })) {
      // Not from the size of the file, which stays when the WAL begins anew.
      const auto pages = database_->checkpoint();
      if (pages * Database::page_bytes > wal_bytes_max_) database_->restart_wal();
    }
    database_->checkpoint();
  }

  std::unique_ptr<Database> database_;
  std::int64_t wal_bytes_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Checkpointer> make_checkpointer(const std::string& path,
                                                std::int64_t wal_bytes_max) {
  return std::make_unique<FileCheckpointer>(path, wal_bytes_max);
}

}  // namespace stoa::sqlite
