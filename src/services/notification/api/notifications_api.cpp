#include "services/notification/api/notifications_api.hpp"

#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"

namespace stoa::notification {
namespace {

using http::Reply;
using http::RequestPtr;

/// What the customer reads is written anew from the order when it is shown: nothing of it is kept.
struct NotificationView {
  static constexpr std::string_view schema_name = "Notification";
  std::string id, order_id;
  Kind kind = Kind::order_confirmed;
  Channel channel = Channel::email;
  Status status = Status::queued;
  std::int64_t tries = 0;
  Timestamp created_at;
  std::optional<Timestamp> due_at, settled_at;
  std::optional<std::string> code, detail, reference;
  std::optional<std::string> language, to, subject, text, html;
  static constexpr auto fields() {
    using namespace json;
    using V = NotificationView;
    return std::tuple{
        field("id", &V::id),
        field("order_id", &V::order_id),
        field("kind", &V::kind),
        field("channel", &V::channel),
        field("status", &V::status),
        field("tries", &V::tries),
        field("created_at", &V::created_at),
        field("due_at", &V::due_at, Unbounded{}, "of the next try, while it is queued"),
        field("settled_at", &V::settled_at),
        field("code", &V::code, Unbounded{}, "of the last failure, as in smtp_550"),
        field("detail", &V::detail, Text{0, 500}, "what the relay or the provider said"),
        field("reference", &V::reference, Text{0, 500}, "the Message-ID, or the provider's id"),
        field("language", &V::language),
        field("to", &V::to, Unbounded{}, "null once the customer's data is erased"),
        field("subject", &V::subject, Text{0, 2000}),
        field("text", &V::text, Text{0, 1'000'000, Form::lines},
              "as the template of today writes it"),
        field("html", &V::html, Text{0, 1'000'000, Form::lines}, "null in lists")};
  }
};

struct NotificationPage {
  static constexpr std::string_view schema_name = "NotificationPage";
  std::vector<NotificationView> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &NotificationPage::data, Items{0, 200}),
                      field("next_cursor", &NotificationPage::next_cursor)};
  }
};

std::optional<std::string> shown(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

Error not_found() {
  return {ErrorKind::not_found, "notification_not_found", "There is no such notification."};
}

class NotificationRoutes {
 public:
  NotificationRoutes(ServiceContext& context, Notifications& notifications,
                     const NotificationQueries& queries, OrderSource& orders,
                     const MessageWriter& writer)
      : executor_(context.executor),
        readers_(context.readers),
        notifications_(notifications),
        queries_(queries),
        orders_(orders),
        writer_(writer) {}

  void list(const RequestPtr& request, const Reply& reply) const;
  void show(const RequestPtr& request, const Reply& reply) const;
  void replay(const RequestPtr& request, const Reply& reply) const;

 private:
  using Rows = std::vector<Notification>;
  /// Reads rows here, then their orders there, then answers. With `seen` the rows may be stale.
  void answer(const RequestPtr& request, const Reply& reply, std::function<Rows(Store)> query,
              std::function<http::Response(std::vector<NotificationView>)> make,
              std::optional<std::int64_t> seen = {}) const;
  [[nodiscard]] NotificationView view_of(const Notification& one,
                                         const OrderSource::Found& orders) const;

  Executor& executor_;
  Readers& readers_;
  Notifications& notifications_;
  const NotificationQueries& queries_;
  OrderSource& orders_;
  const MessageWriter& writer_;
};

NotificationView NotificationRoutes::view_of(const Notification& one,
                                             const OrderSource::Found& orders) const {
  NotificationView view;
  view.id = one.id;
  view.order_id = one.order_id;
  view.kind = one.kind;
  view.channel = one.channel;
  view.status = one.status;
  view.tries = one.tries;
  view.created_at = one.created_at;
  if (one.status == Status::queued) view.due_at = one.due_at;
  view.settled_at = one.settled_at;
  view.code = shown(one.code);
  view.detail = shown(one.detail);
  view.reference = shown(one.reference);
  view.language = shown(one.language);
  const auto order = orders.find(one.order_id);
  if (order == orders.end() || !order->second.customer) return view;
  const auto& customer = *order->second.customer;
  view.to = one.channel == Channel::email ? customer.email : customer.phone;
  auto written = writer_.write({one.kind, one.channel, one.subject_id}, order->second);
  if (!written) return view;
  view.language = written->language;
  view.subject = shown(written->text.subject);
  view.text = std::move(written->text.text);
  view.html = shown(written->text.html);
  return view;
}

void NotificationRoutes::answer(const RequestPtr& request, const Reply& reply,
                                std::function<Rows(Store)> query,
                                std::function<http::Response(std::vector<NotificationView>)> make,
                                std::optional<std::int64_t> seen) const {
  const auto ask = [this, request, reply, query = std::move(query),
                    make = std::move(make)](Store store) {
    auto rows = query(store);
    std::vector<std::string> ids;
    ids.reserve(rows.size());
    for (const auto& row : rows) ids.push_back(row.order_id);
    orders_.read(std::move(ids), [this, request, reply, rows = std::move(rows),
                                  make](const std::optional<OrderSource::Found>& orders) {
      if (!orders) return reply(http::problem(overloaded(), *request));
      std::vector<NotificationView> views;
      views.reserve(rows.size());
      for (const auto& row : rows) views.push_back(view_of(row, *orders));
      reply(make(std::move(views)));
    });
  };
  const auto failed = [request, reply] { reply(http::problem(internal_error(), *request)); };
  const bool taken =
      seen ? readers_.submit_stale(*seen, ask, failed) : readers_.submit(ask, failed);
  if (!taken) reply(http::problem(overloaded(), *request));
}

void NotificationRoutes::list(const RequestPtr& request, const Reply& reply) const {
  http::Query query(*request);
  NotificationFilter filter;
  filter.limit = query.integer("limit", 1, 200, 50);
  filter.before_id = query.text("cursor");
  filter.order_id = query.text("filter[order_id]");
  filter.status = query.text("filter[status]");
  filter.channel = query.text("filter[channel]");
  if (filter.before_id && !NotificationId::parse(*filter.before_id))
    query.error("cursor", "wrong_cursor", "Is no cursor of this list.");
  if (filter.status && !json::from_name<Status>(*filter.status))
    query.error("filter[status]", "unknown_value", json::one_of(json::names_of<Status>()));
  if (filter.channel && !json::from_name<Channel>(*filter.channel))
    query.error("filter[channel]", "unknown_value", json::one_of(json::names_of<Channel>()));
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  answer(
      request, reply, [this, filter](Store store) { return queries_.list(store, filter); },
      [limit = filter.limit](std::vector<NotificationView> views) {
        NotificationPage page{std::move(views), {}};
        for (auto& view : page.data) view.html.reset();
        if (static_cast<std::int64_t>(page.data.size()) == limit)
          page.next_cursor = page.data.back().id;
        return http::json_response(200, json::to_json(page));
      },
      http::position_seen(readers_, *request));
}

void NotificationRoutes::show(const RequestPtr& request, const Reply& reply) const {
  answer(
      request, reply,
      [this, id = request->param("id")](Store store) {
        auto found = queries_.find(store, id);
        return found ? Rows{std::move(*found)} : Rows{};
      },
      [request](std::vector<NotificationView> views) {
        if (views.empty()) return http::problem(not_found(), *request);
        return http::json_response(200, json::to_json(views.front()));
      });
}

void NotificationRoutes::replay(const RequestPtr& request, const Reply& reply) const {
  execute<bool>(
      executor_, Executor::Lane::outside, 1, request->cause(),
      [this, id = request->param("id")](UnitOfWork& unit) -> Result<bool> {
        if (auto done = notifications_.replay(unit, id); !done) return fail(done.error());
        return true;
      },
      [this, request, reply](const Result<bool>& done) {
        if (!done) return reply(http::problem(done.error(), *request));
        show(request, reply);
      });
}

}  // namespace

void add_notification_routes(ServiceContext& context, Notifications& notifications,
                             const NotificationQueries& queries, OrderSource& orders,
                             const MessageWriter& writer) {
  const auto routes =
      std::make_shared<NotificationRoutes>(context, notifications, queries, orders, writer);
  const auto to = [routes](void (NotificationRoutes::*handle)(const RequestPtr&, const Reply&)
                               const) {
    return [routes, handle](const RequestPtr& request, const Reply& reply) {
      (routes.get()->*handle)(request, reply);
    };
  };
  const std::string tag = "Notifications";
  context.router.add(
      {.method = "GET",
       .path = "/v1/notifications",
       .access = http::Access::secret,
       .summary = "Messages to customers, newest first: sent, waiting, given up, or in the mailbox",
       .tag = tag,
       .handler = to(&NotificationRoutes::list),
       .answer = http::schema_of<NotificationPage>(),
       .query = {{"limit", "1 to 200, 50 without it"},
                 {"cursor", "next_cursor of the page before"},
                 {"filter[order_id]", "the notifications of an order"},
                 {"filter[status]", "queued, sent, mailbox, dead_letter or unsendable"},
                 {"filter[channel]", "email or sms"}}});
  context.router.add({.method = "GET",
                      .path = "/v1/notifications/{id}",
                      .access = http::Access::secret,
                      .summary = "One message",
                      .tag = tag,
                      .handler = to(&NotificationRoutes::show),
                      .answer = http::schema_of<NotificationView>()});
  context.router.add({.method = "POST",
                      .path = "/v1/notifications/{id}/replay",
                      .access = http::Access::secret,
                      .summary = "Send a dead letter, or what lies in the mailbox, again",
                      .tag = tag,
                      .handler = to(&NotificationRoutes::replay),
                      .answer = http::schema_of<NotificationView>(),
                      .also = {409}});
}

}  // namespace stoa::notification
