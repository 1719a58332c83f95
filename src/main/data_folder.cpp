#include "main/data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "kernel/base/text.hpp"

namespace stoa {
namespace {

std::string random_key(std::string_view prefix, const Crypto& crypto) {
  std::array<std::uint8_t, 20> bytes{};
  crypto.random_bytes(bytes);
  return std::string(prefix) + to_hex(bytes);
}

std::unexpected<Error> unusable(const std::string& path) {
  return fail(ErrorKind::invalid, "unusable_folder",
              "Cannot use " + path + ": " + std::strerror(errno) + ".");
}

}  // namespace

Result<DataFolder> DataFolder::open(const std::string& path) {
  auto folder = lock(path);
  if (folder && std::filesystem::exists(folder->file(unfinished)))
    return fail(ErrorKind::conflict, "half_restored",
                "The restore into " + path + " did not finish: run `stoa restore` again.");
  return folder;
}

Result<DataFolder> DataFolder::open_to_restore(const std::string& path) {
  namespace fs = std::filesystem;
  auto folder = lock(path);
  if (!folder) return folder;
  const bool is_ours = fs::exists(folder->file(unfinished));
  std::vector<fs::path> there;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().filename() != "lock") there.push_back(entry.path());
  if (!is_ours && !there.empty())
    return fail(ErrorKind::conflict, "folder_not_empty",
                "The folder " + path + " is not empty: restore into a new one.");
  std::ranges::partition(there, [&](const fs::path& one) { return one.filename() != unfinished; });
  for (const auto& one : there) fs::remove_all(one);  // the mark goes last
  fs::create_directory(folder->file(unfinished));
  return folder;
}

Result<DataFolder> DataFolder::lock(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error)
    return fail(ErrorKind::invalid, "unusable_folder",
                "Cannot make the data folder " + path + ": " + error.message() + ".");
  ::chmod(path.c_str(), 0700);
  const auto name = path + "/lock";
  const int held = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (held < 0) return unusable(name);
  if (::flock(held, LOCK_EX | LOCK_NB) != 0) {
    ::close(held);
    return fail(ErrorKind::conflict, "already_running",
                "Another Stoa runs on the data folder " + path + ": stop it first.");
  }
  return DataFolder(path, held);
}

bool DataFolder::is_in_use(const std::string& path) {
  const int lock = ::open((path + "/lock").c_str(), O_RDWR | O_CLOEXEC);
  if (lock < 0) return false;
  const bool free = ::flock(lock, LOCK_EX | LOCK_NB) == 0;
  ::close(lock);
  return !free;
}

DataFolder::DataFolder(DataFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DataFolder::~DataFolder() {
  if (lock_ >= 0) ::close(lock_);
}

std::string DataFolder::file(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

Result<ApiKeys> existing_api_keys(const std::string& folder, const Configuration& configuration) {
  ApiKeys keys{configuration.text("Auth:SecretKey"), configuration.text("Auth:PublishableKey"),
               false};
  if (!keys.secret.empty() && !keys.publishable.empty()) return keys;
  std::ifstream in(folder + "/keys");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("sk_") && keys.secret.empty()) keys.secret = line;
    if (line.starts_with("pk_") && keys.publishable.empty()) keys.publishable = line;
  }
  if (keys.secret.empty())
    return fail(ErrorKind::not_found, "no_key",
                "There is no key in " + folder +
                    "/keys: give --key, set STOA__Auth__SecretKey, or "
                    "name the shop's folder with --data.");
  return keys;
}

Result<ApiKeys> api_keys(const std::string& folder, const Configuration& configuration,
                         const Crypto& crypto) {
  if (auto keys = existing_api_keys(folder, configuration); keys && !keys->publishable.empty())
    return keys;
  const auto path = folder + "/keys";
  ApiKeys keys{random_key("sk_", crypto), random_key("pk_", crypto), true};
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return unusable(path);
  const auto text = keys.secret + "\n" + keys.publishable + "\n";
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  ::close(file);
  if (!written) return unusable(path);
  if (const auto& given = configuration.text("Auth:SecretKey"); !given.empty()) keys.secret = given;
  if (const auto& given = configuration.text("Auth:PublishableKey"); !given.empty())
    keys.publishable = given;
  return keys;
}

}  // namespace stoa
