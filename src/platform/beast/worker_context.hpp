#pragma once

#include <boost/asio/io_context.hpp>

namespace stoa::beast {

/// What runs on the calling thread when it is a worker of a server; else null. Who has to speak
/// with somebody on behalf of a request does so there, without a change of threads.
boost::asio::io_context*& worker_context();

}  // namespace stoa::beast
