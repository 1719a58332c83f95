#pragma once

#include <string>
#include <string_view>

namespace stoa::gumbo {

/// Leaves of an HTML fragment the tags and attributes of an allow-list: no scripts, styles, frames,
/// forms, event handlers, and no addresses but http, https, mailto, tel and relative ones. What is
/// left is balanced, and sanitising it again changes nothing. Thread-safe.
std::string sanitise(std::string_view html);

}  // namespace stoa::gumbo
