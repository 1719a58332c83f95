#include "platform/zlib/gzip_reader.hpp"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace stoa::zlib {

void GzipReader::Close::operator()(gzFile_s* file) const { gzclose_r(file); }

Result<GzipReader> GzipReader::open(const std::string& path) {
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    const auto reason = errno != 0 ? std::strerror(errno) : "out of memory";
    return fail(ErrorKind::invalid, "unreadable_file", "Cannot read " + path + ": " + reason + ".");
  }
  gzbuffer(file, 1 << 17);
  return GzipReader(path, file);
}

Result<bool> GzipReader::read_line(std::string& line) {
  line.clear();
  std::array<char, 4096> part;
  while (gzgets(file_.get(), part.data(), static_cast<int>(part.size())) != nullptr) {
    line += part.data();
    if (line.ends_with('\n')) return true;
    if (line.size() > line_bytes_max)
      return fail(ErrorKind::invalid, "line_too_long", path_ + " has a line of more than 1 MiB.");
  }
  int code = Z_OK;
  const char* const message = gzerror(file_.get(), &code);
  if (code != Z_OK && code != Z_STREAM_END)
    return fail(ErrorKind::invalid, "damaged_file", "Cannot read " + path_ + ": " + message + ".");
  return !line.empty();
}

}  // namespace stoa::zlib
