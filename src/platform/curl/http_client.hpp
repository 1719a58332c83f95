#pragma once

#include <memory>
#include <string>

#include "kernel/http/client.hpp"

namespace stoa::curl {

struct HttpClientOptions {
  std::string ca_file = {};     ///< PEM; empty: the system's
  std::string user_agent = {};  ///< empty: `Stoa/VERSION`
  std::size_t idle_max = 16;    ///< kept-alive handles that wait for the next request
};

/// HTTP/1.1 over libcurl, TLS 1.2 or newer. A proxy named by the environment (`https_proxy`,
/// `no_proxy`) is used, except for loopback addresses.
std::unique_ptr<http::Client> make_http_client(HttpClientOptions options);

}  // namespace stoa::curl
