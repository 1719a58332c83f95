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
  explicit FileCheckpointer(const std::string& path)
      : database_(open(path, Database::Mode::writer)), thread_([this] { run(); }) {}
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
    while (!wake_.wait_for(lock, pause, [this] { return stopping_; })) database_->checkpoint();
    database_->checkpoint();
  }

  std::unique_ptr<Database> database_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Checkpointer> make_checkpointer(const std::string& path) {
  return std::make_unique<FileCheckpointer>(path);
}

}  // namespace stoa::sqlite
