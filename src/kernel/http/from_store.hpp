#pragma once

#include <functional>

#include "kernel/http/message.hpp"
#include "kernel/mediator/readers.hpp"

namespace stoa::http {

/// Answers a request with what `query` reads on a reader thread; `overloaded` (503) when too many
/// wait, `internal_error` (500) when it throws.
void answer_from_store(Readers& readers, RequestPtr request, Reply reply,
                       std::function<Response(Store)> query);

}  // namespace stoa::http
