#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "kernel/http/upstream.hpp"

namespace stoa::beast {

/// Connections stand where they are used: with each worker of a server, and on a thread of its own
/// for all others. It outlives the servers whose workers use it.
std::unique_ptr<http::Upstream> make_upstream();

/// Every address of the host of `http://host:port`, as its name has them now; 80 where no port is
/// said. Blocks while it asks; none when the name is not known or the text is no such URL.
std::vector<http::Origin> resolve(std::string_view url);

}  // namespace stoa::beast
