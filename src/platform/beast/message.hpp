#pragma once

#include <string>
#include <string_view>

#include "kernel/http/message.hpp"

namespace stoa::beast {

/// The status line and the header of an answer. `version` is 10 or 11; `body_end` is the field that
/// tells where the body ends, with its line's end, if any.
std::string head_of(const http::Response& response, unsigned version, bool keep_alive,
                    std::string_view body_end);

/// An answer as it goes over the wire, in two pieces of which the second may be empty.
struct Message {
  Message(http::Response&& response, unsigned version, bool keep_alive, bool without_body);
  std::string first, second;
};

}  // namespace stoa::beast
