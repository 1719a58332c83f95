#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "kernel/http/request_head.hpp"

namespace stoa::http {

/// A body in chunks (RFC 9112, section 7.1), read strictly while it arrives: every line ends with
/// CRLF, a size is nothing but hexadecimal digits, no white space. Extensions and trailers that are
/// well-formed and small are passed over; trailers that would change the framing are refused.
class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t body_bytes_max) : left_(body_bytes_max) {}

  /// Appends the data in `bytes` to `body`; how many bytes were taken: all, unless the body ends
  /// before. Not to be called after a fault or the end.
  std::expected<std::size_t, Fault> take(std::string_view bytes, std::string& body);
  [[nodiscard]] bool is_done() const { return at_ == At::end; }

 private:
  enum class At {
    size,
    extension_name,
    extension_value,
    extension_token,
    extension_quoted,
    extension_escaped,
    extension_end,
    size_line_feed,
    data,
    data_end,
    data_line_feed,
    trailer,
    trailer_line_feed,
    end
  };

  std::expected<void, Fault> step(char c);
  std::expected<void, Fault> in_size(char c);
  std::expected<void, Fault> in_extension(char c);
  std::expected<void, Fault> begin_chunk();
  std::expected<void, Fault> end_trailer();

  At at_ = At::size;
  std::uint64_t size_ = 0;  ///< of the chunk; what is left of it while in its data
  int digits_ = 0;
  std::size_t left_;  ///< of the most that the body may be
  std::size_t name_bytes_ = 0;
  std::size_t extension_bytes_ = 0;  ///< of the whole body
  std::size_t trailer_bytes_ = 0;
  std::size_t trailers_ = 0;
  std::string line_;  ///< of the trailer
};

}  // namespace stoa::http
