#include "platform/zlib/gzip.hpp"

#include <zlib.h>

#include <stdexcept>

namespace stoa::zlib {
namespace {

constexpr int level = 1;
constexpr int gzip_window_bits = 15 + 16;
constexpr int memory_level = 8;

/// A deflate state, kept by its thread: its 260 kB cost more to set up than a page to compress.
class Deflate {
 public:
  Deflate() {
    if (deflateInit2(&state_, level, Z_DEFLATED, gzip_window_bits, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::runtime_error("zlib: out of memory");
  }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;
  ~Deflate() { deflateEnd(&state_); }

  std::string pack(std::string_view text) {
    deflateReset(&state_);
    std::string packed(deflateBound(&state_, text.size()), '\0');
    // zlib takes no const input, and does not write to it.
    state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    state_.avail_in = static_cast<uInt>(text.size());
    state_.next_out = reinterpret_cast<Bytef*>(packed.data());
    state_.avail_out = static_cast<uInt>(packed.size());
    if (deflate(&state_, Z_FINISH) != Z_STREAM_END)
      throw std::runtime_error("zlib: cannot compress");
    packed.resize(state_.total_out);
    packed.shrink_to_fit();
    return packed;
  }

 private:
  z_stream state_{};
};

}  // namespace

std::string gzip(std::string_view text) {
  thread_local Deflate deflate;
  return deflate.pack(text);
}

}  // namespace stoa::zlib
