#include "apphost/log_book.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

namespace stoa::apphost {
namespace {

constexpr std::size_t shown_max = 2'000;  ///< bytes of a line on the terminal

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(descriptor, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool takes_more(int descriptor) {
  pollfd wanted{descriptor, POLLOUT, 0};
  return poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT) != 0;
}

}  // namespace

RotatedFile::RotatedFile(std::string path, std::int64_t bytes_max)
    : path_(std::move(path)), bytes_max_(bytes_max) {
  open();
}

RotatedFile::~RotatedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RotatedFile::open() {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat found{};
  bytes_ = descriptor_ >= 0 && ::fstat(descriptor_, &found) == 0 ? found.st_size : 0;
}

void RotatedFile::add(std::string_view line) {
  const auto grown = bytes_ + std::ssize(line) + 1;
  if (bytes_ > 0 && grown > bytes_max_) {
    ::close(descriptor_);
    std::rename(path_.c_str(), (path_ + ".1").c_str());
    open();
  }
  std::string text(line);
  text += '\n';
  write_all(descriptor_, text);
  bytes_ += std::ssize(text);
}

LogBook::LogBook(std::string folder, int terminal, std::int64_t bytes_max)
    : folder_(std::move(folder)), terminal_(terminal), bytes_max_(bytes_max) {}

std::string LogBook::path(const std::string& resource) const {
  return folder_ + "/" + resource + ".log";
}

void LogBook::add(const std::string& resource, const std::string& name, std::string_view line) {
  const std::lock_guard lock(mutex_);
  auto& file = files_[resource];
  if (!file) file = std::make_unique<RotatedFile>(path(resource), bytes_max_);
  file->add(name == resource ? std::string(line) : name + " | " + std::string(line));
  if (terminal_ >= 0) show(name, line);
}

void LogBook::show(const std::string& name, std::string_view line) {
  constexpr std::array colours{36, 33, 32, 35, 34, 96, 93, 92, 95, 94, 31};
  if (!takes_more(terminal_)) return;
  const auto known = colours_.emplace(name, colours[colours_.size() % colours.size()]).first;
  std::string text = "\x1b[" + std::to_string(known->second) + "m" + name;
  text.append(name.size() < 14 ? 14 - name.size() : 0, ' ').append("\x1b[0m | ");
  for (const char c : line.substr(0, shown_max))  // a program may say anything
    if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') text += c;
  write_all(terminal_, text + "\n");
}

std::vector<std::string> last_lines(const std::string& path, std::size_t count) {
  constexpr std::streamoff tail = 65'536;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (const auto size = in.tellg(); size > tail) {
    in.seekg(size - std::streamoff(tail));
    std::string part;
    std::getline(in, part);
  } else {
    in.seekg(0);
  }
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  if (lines.size() > count)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  return lines;
}

}  // namespace stoa::apphost
