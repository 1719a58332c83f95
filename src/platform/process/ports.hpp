#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace stoa::process {

/// Whether somebody could listen there, on 127.0.0.1, a moment ago.
bool is_port_free(std::uint16_t port);

/// A free one that is not in `not_these`, below those that the system gives to outgoing
/// connections, so that it is likely to be free later too. Throws std::runtime_error when there is
/// none.
std::uint16_t free_port(const std::set<std::uint16_t>& not_these);

/// What 127.0.0.1 answers to `question`, up to `bytes` bytes; nothing when nobody listens or
/// answers in time. With zero bytes it is enough that somebody listens.
std::optional<std::string> ask_port(std::uint16_t port, std::string_view question,
                                    std::size_t bytes, std::chrono::milliseconds timeout);

}  // namespace stoa::process
