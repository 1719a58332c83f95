#include "services/ordering/api/order_stream.hpp"

#include <charconv>

#include "kernel/http/event_stream.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "services/ordering/api/order_access.hpp"
#include "services/ordering/application/order_steps.hpp"
#include "services/ordering/application/translate.hpp"

namespace stoa::ordering {
namespace {

using http::Reply;
using http::RequestPtr;

/// The revision that the client has seen last, 0 when it comes for the first time.
Result<std::int64_t> last_seen(const http::Request& request) {
  const auto text = request.header("last-event-id");
  if (text.empty()) return 0;
  std::int64_t revision = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error == std::errc{} && end == text.data() + text.size() && revision > 0) return revision;
  return fail(http::wrong_last_event_id("Must be the revision of a step, a whole number."));
}

/// The steps after `seen`, which is moved to the last of them.
std::string next_piece(EventLog& log, const std::string& order_id, std::int64_t& seen) {
  std::string piece;
  for (const auto& step : steps_after(log, order_id, seen).steps) {
    http::append_event(piece, std::to_string(step.revision), step.step, json::to_json(step));
    seen = step.revision;
    if (piece.size() >= http::piece_bytes_max) break;
  }
  return piece;
}

class OrderStream {
 public:
  explicit OrderStream(ServiceContext& context)
      : readers_(context.readers),
        news_(context.news),
        access_(context.crypto, context.shop_secret) {}

  void open(const RequestPtr& request, Reply reply) const {
    if (const auto allowed = access_.may_read(*request); !allowed)
      return reply(http::problem(allowed.error(), *request));
    http::Query query(*request);
    if (const auto good = query.finish(); !good)
      return reply(http::problem(good.error(), *request));
    const auto seen = last_seen(*request);
    if (!seen) return reply(http::problem(seen.error(), *request));
    http::answer_from_store(
        readers_, request, std::move(reply), [this, request, seen = *seen](Store store) {
          const auto& id = request->param("id");
          const auto revision = steps_after(store.log, id, INT64_MAX).revision;
          if (revision == 0) return http::problem(no_order(), *request);
          if (seen > revision)
            return http::problem(http::wrong_last_event_id("The order has not come so far."),
                                 *request);
          return http::event_stream(stream_of(id, seen));
        });
  }

 private:
  [[nodiscard]] std::shared_ptr<http::Stream> stream_of(const std::string& id,
                                                        std::int64_t seen) const {
    const auto place = std::make_shared<std::int64_t>(seen);
    const auto look = [this, id, place](const http::Found& found) {
      const bool taken = readers_.submit(
          [id, place, found](Store store) { found(next_piece(store.log, id, *place)); },
          [found] { found(std::nullopt); });
      if (!taken) found(std::nullopt);  // the client comes back
    };
    return http::make_live_stream(look, [this, &id](std::function<void()> wake) {
      return news_.listen(std::string(stream_prefix) + id, std::move(wake));
    });
  }

  Readers& readers_;
  News& news_;
  OrderAccess access_;
};

}  // namespace

void add_order_stream(ServiceContext& context) {
  const auto stream = std::make_shared<const OrderStream>(context);
  context.router.add(
      {.method = "GET",
       .path = "/v1/orders/{id}/stream",
       .access = http::Access::open,
       .summary = "The steps of an order as they happen, server-sent events; needs the secret key, "
                  "or the order's token in Stoa-Order-Token or in token",
       .tag = "Orders",
       .handler = [stream](const RequestPtr& request,
                           Reply reply) { stream->open(request, std::move(reply)); },
       .answer = http::schema_of<OrderStep>(),
       .answer_type = "text/event-stream",
       .secret_query = {{"token", std::string(order_token_header),
                         "The order's access token, for an EventSource, which sends no headers"}}});
}

}  // namespace stoa::ordering
