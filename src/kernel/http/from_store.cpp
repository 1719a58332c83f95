#include "kernel/http/from_store.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernel/eventlog/positions.hpp"

namespace stoa::http {

namespace {

template <class Submit>
void answer(RequestPtr request, Reply reply, std::function<Response(Store)> query,
            Submit&& submit) {
  const auto refuse = [request = std::move(request), reply](const Error& error) {
    reply(problem(error, *request));
  };
  const bool taken = submit(
      [reply = std::move(reply), query = std::move(query)](Store store) { reply(query(store)); },
      [refuse] { refuse(internal_error()); });
  if (!taken) refuse(overloaded());
}

}  // namespace

void answer_from_store(Readers& readers, RequestPtr request, Reply reply,
                       std::function<Response(Store)> query) {
  answer(std::move(request), std::move(reply), std::move(query),
         [&](auto run, auto failed) { return readers.submit(std::move(run), std::move(failed)); });
}

std::int64_t position_seen(const Readers& readers, const Request& request) {
  const auto text = request.header("stoa-position");
  if (text.empty() || readers.service().empty()) return 0;
  const auto positions = parse_positions(text);
  if (!positions) return std::numeric_limits<std::int64_t>::max();
  const auto seen =
      std::ranges::find(*positions, readers.service(), &PositionVector::value_type::first);
  return seen == positions->end() ? 0 : seen->second;
}

void answer_from_replica(Readers& readers, RequestPtr request, Reply reply,
                         std::function<Response(Store)> query) {
  const auto seen = position_seen(readers, *request);
  answer(std::move(request), std::move(reply), std::move(query), [&](auto run, auto failed) {
    return readers.submit_stale(seen, std::move(run), std::move(failed));
  });
}

}  // namespace stoa::http
