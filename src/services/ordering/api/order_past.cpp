#include "services/ordering/api/order_past.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "kernel/eventlog/journal.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/json/difference.hpp"
#include "services/ordering/api/order_access.hpp"
#include "services/ordering/application/order_view.hpp"
#include "services/ordering/application/translate.hpp"

namespace stoa::ordering {
namespace {

struct MomentView {
  static constexpr std::string_view schema_name = "OrderMoment";
  std::int64_t revision = 0;
  std::optional<Timestamp> recorded_at;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("revision", &MomentView::revision, Unbounded{}, "0: before the order was there"),
        field("recorded_at", &MomentView::recorded_at, Unbounded{},
              "Of the last event until then")};
  }
};

struct PastEvent {
  static constexpr std::string_view schema_name = "OrderPastEvent";
  std::int64_t revision = 0;
  Timestamp recorded_at;
  std::string type, text;
  static constexpr auto fields() {
    using namespace json;
    using V = PastEvent;
    return std::tuple{field("revision", &V::revision), field("recorded_at", &V::recorded_at),
                      field("type", &V::type), field("text", &V::text, Text{0, 2000})};
  }
};

struct Change {
  static constexpr std::string_view schema_name = "OrderChange";
  std::string pointer, change;
  json::Raw before, after;
  static constexpr auto fields() {
    using namespace json;
    using V = Change;
    return std::tuple{field("pointer", &V::pointer, Text{0, 500}, "RFC 6901, into the order"),
                      field("change", &V::change, Unbounded{}, "added, changed or removed"),
                      field("before", &V::before, Unbounded{}, "null when it was not there"),
                      field("after", &V::after, Unbounded{}, "null when it is not there")};
  }
};

struct DiffView {
  static constexpr std::string_view schema_name = "OrderDiff";
  std::string order_id;
  MomentView from, to;
  std::vector<PastEvent> events;
  std::vector<Change> changes;
  static constexpr auto fields() {
    using namespace json;
    using V = DiffView;
    return std::tuple{field("order_id", &V::order_id), field("from", &V::from), field("to", &V::to),
                      field("events", &V::events), field("changes", &V::changes)};
  }
};

MomentView view_of(const Order& order) {
  MomentView view{order.revision, {}};
  if (order.exists()) view.recorded_at = order.changed_at;
  return view;
}

Change told(const json::Difference& one) {
  const auto text = [](const json::Value* value) {
    return json::Raw{value == nullptr ? "null" : boost::json::serialize(*value)};
  };
  std::string change = "changed";
  if (one.before == nullptr) change = "added";
  if (one.after == nullptr) change = "removed";
  return {one.pointer, std::move(change), text(one.before), text(one.after)};
}

using Shown = std::function<std::string(Store, const Order&)>;

http::Response diff(const http::Request& request, Store store, const Moment& from, const Moment& to,
                    const Shown& shown) {
  const auto& id = request.param("id");
  const auto before = fold_order_at(store.log, id, from);
  const auto after = fold_order_at(store.log, id, to);
  if (!before || !after) return http::problem(no_order(), request);
  if (before->revision > after->revision)
    return http::problem({ErrorKind::invalid,
                          "invalid_query",
                          "The query breaks the rules of this operation; see errors.",
                          {{"query/from", "out_of_order", "Must not be later than to."}}},
                         request);
  DiffView view{id, view_of(*before), view_of(*after), {}, {}};
  const auto stream = std::string(stream_prefix) + id;
  store.log.read_stream(stream, before->revision, [&](const RecordedEvent& row) {
    if (row.revision > after->revision) return false;
    const auto event = decode_event<OrderEvent>(row.type, row.data);
    view.events.push_back({row.revision, row.recorded_at, row.type, tell_event(event)});
    return true;
  });
  const auto state = [&](const Order& order) {
    return order.exists() ? json::parse(shown(store, order)).value() : json::Value(json::Object{});
  };
  const auto old_state = state(*before);
  const auto new_state = state(*after);
  for (const auto& one : json::differences(old_state, new_state)) view.changes.push_back(told(one));
  return http::json_response(200, json::to_json(view));
}

}  // namespace

Moment moment_of(http::Query& query, std::string_view name) {
  Moment moment;
  const auto given = query.text(name);
  if (!given) return moment;
  const auto* end = given->data() + given->size();
  const auto [last, error] = std::from_chars(given->data(), end, moment.revision);
  if (error == std::errc{} && last == end && moment.revision >= 0) return moment;
  moment.revision = Moment{}.revision;
  if (const auto time = from_rfc3339(*given))
    moment.time = *time;
  else
    query.error(name, "wrong_moment", "Must be a time of RFC 3339 or a revision.");
  return moment;
}

void add_order_diff(http::Router& router, Readers& readers, Shown shown) {
  router.add({.method = "GET",
              .path = "/v1/orders/{id}/diff",
              .access = http::Access::secret,
              .summary = "What happened to an order between two moments, and what it changed",
              .tag = "Orders",
              .handler =
                  [&readers, shown = std::move(shown)](const http::RequestPtr& request,
                                                       http::Reply reply) {
                    http::Query query(*request);
                    const auto from = moment_of(query, "from");
                    const auto to = moment_of(query, "to");
                    if (!query.text("from"))
                      query.error("from", "required", "Must be a time of RFC 3339 or a revision.");
                    if (const auto good = query.finish(); !good)
                      return reply(http::problem(good.error(), *request));
                    http::answer_from_store(readers, request, std::move(reply), [=](Store store) {
                      return diff(*request, store, from, to, shown);
                    });
                  },
              .answer = http::schema_of<DiffView>(),
              .query = {{"from", "RFC 3339 or a revision; 0: before the order was there"},
                        {"to", "RFC 3339 or a revision; absent: now"}}});
}

}  // namespace stoa::ordering
