#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/http/router.hpp"
#include "kernel/json/codec.hpp"
#include "main/backup_folder.hpp"

namespace stoa {

/// A copy of the shop that lies ready to be fetched.
struct ShopCopy {
  static constexpr std::string_view schema_name = "ShopCopy";
  std::string id;
  std::vector<BackupFile> files;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &ShopCopy::id), field("files", &ShopCopy::files)};
  }
};

/// Lets who has the secret key fetch a copy of the running shop: `POST /v1/backups` makes one
/// beside the shop's files, its files are read in pieces, `DELETE` removes it, as do a quarter of
/// an hour without a reader and the next copy. A client names no path of this machine. One thread
/// does it all.
class BackupRoutes {
 public:
  /// At most, of a file at once.
  static constexpr std::size_t piece_bytes_max = std::size_t{4} << 20;

  /// Removes what an earlier process left in the folder `data`. `report_defect` is called from the
  /// thread of this.
  BackupRoutes(http::Router& router, std::string data, IdSource& ids, const Crypto& crypto,
               std::function<void(const std::string&)> report_defect);
  BackupRoutes(const BackupRoutes&) = delete;
  BackupRoutes& operator=(const BackupRoutes&) = delete;
  ~BackupRoutes();

  /// Ends the work at hand and refuses what waits.
  void stop();

 private:
  struct Task {
    http::RequestPtr request;
    http::Reply reply;
    http::Response (BackupRoutes::*serve)(const http::Request&);
  };
  void submit(Task task);
  void run();
  std::optional<Task> next();
  http::Response make(const http::Request& request);
  http::Response read(const http::Request& request);
  http::Response remove(const http::Request& request);
  void discard();

  std::string data_;
  std::filesystem::path folder_;
  IdSource& ids_;
  const Crypto& crypto_;
  std::function<void(const std::string&)> report_defect_;
  std::optional<ShopCopy> copy_;  // the thread's alone
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stoa
