#include "main/backup_routes.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>

#include "kernel/http/typed.hpp"
#include "main/backup_cut.hpp"
#include "main/backup_files.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t waiting_max = 16;
constexpr std::chrono::minutes unread_max{15};
constexpr http::RouteLimits slow{0, std::chrono::hours(1)};

http::Response no_copy(const http::Request& request) {
  return http::problem({ErrorKind::not_found, "no_copy",
                        "There is no such copy of the shop any more: make a new one."},
                       request);
}

}  // namespace

BackupRoutes::BackupRoutes(http::Router& router, std::string data, IdSource& ids,
                           const Crypto& crypto,
                           std::function<void(const std::string&)> report_defect)
    : data_(std::move(data)),
      folder_(fs::path(data_) / ".copy"),
      ids_(ids),
      crypto_(crypto),
      report_defect_(std::move(report_defect)) {
  fs::remove_all(folder_);
  const auto handler = [this](http::Response (BackupRoutes::*serve)(const http::Request&)) {
    return [this, serve](const http::RequestPtr& request, http::Reply reply) {
      submit({request, std::move(reply), serve});
    };
  };
  http::Route make{"POST",
                   "/v1/backups",
                   http::Access::secret,
                   "Make a copy of the shop ready to be fetched, in place of an earlier one",
                   "Operations",
                   handler(&BackupRoutes::make)};
  make.answer = http::schema_of<ShopCopy>();
  make.status = 201;
  make.limits = slow;
  router.add(std::move(make));
  http::Route read{"GET",
                   "/v1/backups/{id}/files/{name}",
                   http::Access::secret,
                   "A piece of a file of the copy, at most 4 MiB of application/octet-stream",
                   "Operations",
                   handler(&BackupRoutes::read)};
  read.query = {{"offset", "Where the piece begins, in bytes; default 0"}};
  read.limits = slow;
  router.add(std::move(read));
  http::Route remove{"DELETE",          "/v1/backups/{id}", http::Access::secret,
                     "Remove the copy", "Operations",       handler(&BackupRoutes::remove)};
  remove.status = 204;
  remove.limits = slow;
  router.add(std::move(remove));
  thread_ = std::thread([this] { run(); });
}

BackupRoutes::~BackupRoutes() { stop(); }

void BackupRoutes::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BackupRoutes::submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && tasks_.size() < waiting_max) {
      tasks_.push_back(std::move(task));
      wake_.notify_all();
      return;
    }
  }
  task.reply(http::problem(overloaded(), *task.request));
}

std::optional<BackupRoutes::Task> BackupRoutes::next() {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return stopping_ || !tasks_.empty(); };
  while (!ready())
    if (!wake_.wait_for(lock, unread_max, ready)) discard();
  if (stopping_) return std::nullopt;
  auto task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

void BackupRoutes::run() {
  while (auto task = next()) {
    try {
      task->reply((this->*task->serve)(*task->request));
    } catch (const std::exception& e) {
      report_defect_(std::string("A copy for a backup failed: ") + e.what());
      discard();
      task->reply(http::problem(
          {ErrorKind::internal, "backup_failed", "The shop could not be copied: its log says why."},
          *task->request));
    }
  }
  const std::lock_guard lock(mutex_);
  for (const auto& task : tasks_) task.reply(http::problem(overloaded(), *task.request));
  tasks_.clear();
  discard();
}

void BackupRoutes::discard() {
  copy_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

http::Response BackupRoutes::make(const http::Request&) {
  discard();
  fs::create_directory(folder_);
  stage_cut(data_, folder_);
  ShopCopy copy{to_base32(ids_.next()), {}};
  for (const auto name : {cut_files[0], cut_files[1], cut_keys_file})
    copy.files.push_back(describe_file(folder_ / name, crypto_));
  copy_ = copy;
  return http::json_response(201, json::to_json(copy));
}

http::Response BackupRoutes::read(const http::Request& request) {
  http::Query query(request);
  const auto offset = query.integer("offset", 0, INT64_MAX, 0);
  if (const auto good = query.finish(); !good) return http::problem(good.error(), request);
  if (!copy_ || request.param("id") != copy_->id) return no_copy(request);
  const auto file = std::ranges::find(copy_->files, request.param("name"), &BackupFile::name);
  if (file == copy_->files.end()) return no_copy(request);
  const auto left = static_cast<std::size_t>(std::max<std::int64_t>(file->bytes - offset, 0));
  std::string piece(std::min(left, piece_bytes_max), '\0');
  std::ifstream in(folder_ / file->name, std::ios::binary);
  in.seekg(offset);
  if (!piece.empty() && !in.read(piece.data(), static_cast<std::streamsize>(piece.size())))
    throw std::runtime_error("Cannot read " + file->name + " of the copy.");
  return {200, std::move(piece), "application/octet-stream"};
}

http::Response BackupRoutes::remove(const http::Request& request) {
  if (!copy_ || request.param("id") != copy_->id) return no_copy(request);
  discard();
  return {204, "", ""};
}

}  // namespace stoa
