#include "kernel/http/from_store.hpp"

#include <utility>

namespace stoa::http {

void answer_from_store(Readers& readers, RequestPtr request, Reply reply,
                       std::function<Response(Store)> query) {
  const auto refuse = [request = std::move(request), reply](const Error& error) {
    reply(problem(error, *request));
  };
  const bool taken = readers.submit(
      [reply = std::move(reply), query = std::move(query)](Store store) { reply(query(store)); },
      [refuse] { refuse(internal_error()); });
  if (!taken) refuse(overloaded());
}

}  // namespace stoa::http
