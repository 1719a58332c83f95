#pragma once

#include <cstdint>
#include <functional>

#include "kernel/http/message.hpp"
#include "kernel/mediator/readers.hpp"

namespace stoa::http {

/// Answers a request with what `query` reads on a reader thread; `overloaded` (503) when too many
/// wait, `internal_error` (500) when it throws.
void answer_from_store(Readers& readers, RequestPtr request, Reply reply,
                       std::function<Response(Store)> query);

/// How far the client has seen the log of the readers' service, as it sends it back in
/// `Stoa-Position`; 0 when it says nothing of it.
std::int64_t position_seen(const Readers& readers, const Request& request);

/// The same with a query that may see less than was committed last, but all that the client has
/// seen: lists, exports and their like.
void answer_from_replica(Readers& readers, RequestPtr request, Reply reply,
                         std::function<Response(Store)> query);

}  // namespace stoa::http
