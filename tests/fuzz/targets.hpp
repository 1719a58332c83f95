#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

/// What the fuzzer gives to each reader of outside bytes. A target returns when the input was read
/// or refused; it aborts when the reader breaks a promise.
namespace stoa::fuzz {

void http_request(std::string_view input);
void multipart(std::string_view input);
void negotiation(std::string_view input);
void query(std::string_view input);
void cursors(std::string_view input);
void sse(std::string_view input);
void json_body(std::string_view input);
void merge_patch(std::string_view input);
void stored_events(std::string_view input);
void csv(std::string_view input);
void html(std::string_view input);
void webhook(std::string_view input);
void configuration(std::string_view input);
void templates(std::string_view input);
void text(std::string_view input);

inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Takes the next line of the input, without its LF.
inline std::string_view take_line(std::string_view& input) {
  const auto end = input.find('\n');
  const auto line = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return line;
}

}  // namespace stoa::fuzz
