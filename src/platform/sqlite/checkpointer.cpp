#include "platform/sqlite/checkpointer.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "platform/sqlite/database.hpp"

namespace stoa::sqlite {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look{100};
constexpr std::chrono::milliseconds look_when_long{5};
constexpr std::chrono::milliseconds idle_max{250};
constexpr int left_max = 4'096;  // 16 MB

class FileCheckpointer final : public Checkpointer {
 public:
  FileCheckpointer(const std::string& path, Database& writer)
      : database_(open(path, Database::Mode::writer)),
        writer_(writer),
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
    auto last = Steady::now();
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, pause(), [this] { return stopping_; })) {
      if (!is_due(last)) continue;
      writer_.note(database_->checkpoint());
      last = Steady::now();
    }
    database_->checkpoint();
  }

  /// A pass writes each page once, however often it stands in the WAL: the rarer, the less work.
  /// But a long WAL is moved in passes that follow each other, each shorter than the one before,
  /// until what the writer added during the last is little enough for it to move itself.
  [[nodiscard]] bool is_due(Steady::time_point last) const {
    const auto wal = writer_.wal();
    return wal.left() > 0 &&
           (wal.is_long() || wal.left() > left_max || Steady::now() - last >= idle_max);
  }
  [[nodiscard]] std::chrono::milliseconds pause() const {
    return writer_.wal().is_long() ? look_when_long : look;
  }

  std::unique_ptr<Database> database_;
  Database& writer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Checkpointer> make_checkpointer(const std::string& path, Database& writer) {
  return std::make_unique<FileCheckpointer>(path, writer);
}

}  // namespace stoa::sqlite
