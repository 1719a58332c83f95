#include "services/ordering/api/orders_api.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "kernel/base/language.hpp"
#include "kernel/base/text.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "services/ordering/api/order_access.hpp"
#include "services/ordering/api/order_bodies.hpp"
#include "services/ordering/api/order_past.hpp"
#include "services/ordering/api/phone_number.hpp"
#include "services/ordering/application/order_facts.hpp"
#include "services/ordering/application/order_view.hpp"

namespace stoa::ordering {
namespace {

using http::Principal;
using http::Reply;
using http::RequestPtr;
using http::Response;

struct EventView {
  std::int64_t revision = 0;
  std::int64_t position = 0;
  Timestamp recorded_at;
  std::string text;
  std::string type;
  json::Raw data;
  static constexpr auto fields() {
    using namespace json;
    using V = EventView;
    return std::tuple{field("revision", &V::revision),
                      field("position", &V::position),
                      field("recorded_at", &V::recorded_at),
                      field("text", &V::text),
                      field("type", &V::type),
                      field("data", &V::data)};
  }
};

struct HistoryView {
  std::vector<EventView> data;
  static constexpr auto fields() { return std::tuple{json::field("data", &HistoryView::data)}; }
};

/// An order in a list: without what is personal or long.
struct OrderSummary {
  std::string id;
  std::int64_t number = 0;
  std::string display_number;
  std::string status, payment_status, process_status, channel;
  std::optional<std::string> external_id, customer;
  Money total;
  Timestamp placed_at;
  static constexpr auto fields() {
    using namespace json;
    using V = OrderSummary;
    return std::tuple{field("id", &V::id),
                      field("number", &V::number),
                      field("display_number", &V::display_number),
                      field("status", &V::status),
                      field("payment_status", &V::payment_status),
                      field("process_status", &V::process_status),
                      field("channel", &V::channel),
                      field("external_id", &V::external_id),
                      field("customer", &V::customer),
                      field("total", &V::total),
                      field("placed_at", &V::placed_at)};
  }
};

struct OrderPage {
  static constexpr std::string_view schema_name = "OrderPage";
  std::vector<OrderSummary> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &OrderPage::data),
                      field("next_cursor", &OrderPage::next_cursor)};
  }
};

/// Refuses what looks like the number of a payment card, wherever a person could have typed one.
class CardGuard {
 public:
  /// The pointer is `base` and `member`; it is put together when it is needed.
  void check(std::string_view base, std::string_view text, std::string_view member = {}) {
    if (contains_card_number(text))
      errors_.push_back({std::string(base).append(member), "card_number",
                         "This looks like a card number: Stoa never takes one."});
  }
  void check(std::string_view base, const std::optional<std::string>& text,
             std::string_view member = {}) {
    if (text) check(base, std::string_view(*text), member);
  }
  void check_address(std::string_view base, const std::optional<Address>& address) {
    if (!address) return;
    check(base, address->name, "/name");
    check(base, address->company, "/company");
    check(base, std::string_view(address->line1), "/line1");
    check(base, address->line2, "/line2");
    check(base, std::string_view(address->city), "/city");
    check(base, address->region, "/region");
    check(base, address->postal_code, "/postal_code");
  }
  void add(std::string pointer, std::string code, std::string message) {
    errors_.push_back({std::move(pointer), std::move(code), std::move(message)});
  }
  [[nodiscard]] Result<void> result() {
    if (errors_.empty()) return {};
    return fail(Error{ErrorKind::invalid, errors_.front().code,
                      "The body breaks a rule of this operation; see errors.", std::move(errors_)});
  }

 private:
  std::vector<FieldError> errors_;
};

Error catalog_unavailable() {
  return {ErrorKind::unavailable, "catalog_unavailable",
          "What the order names is not known here yet, and Catalog cannot be asked now."};
}

class OrderRoutes {
 public:
  OrderRoutes(ServiceContext& context, Orders& orders, const OrderQueries& queries,
              OfferSource& offers, std::vector<std::string> payment_providers)
      : executor_(context.executor),
        readers_(context.readers),
        clock_(context.clock),
        ids_(context.ids),
        crypto_(context.crypto),
        secret_(context.shop_secret),
        access_(context.crypto, context.shop_secret),
        orders_(orders),
        queries_(queries),
        offers_(offers),
        payment_providers_(std::move(payment_providers)) {}

  void place(const RequestPtr& request, Reply reply);
  void show(const RequestPtr& request, Reply reply);
  void list(const RequestPtr& request, Reply reply, bool processes);
  void history(const RequestPtr& request, Reply reply);
  void cancel(const RequestPtr& request, Reply reply);
  void capture(const RequestPtr& request, Reply reply);
  void fulfil(const RequestPtr& request, Reply reply);
  void record_return(const RequestPtr& request, Reply reply);
  void refund(const RequestPtr& request, Reply reply);
  void retry(const RequestPtr& request, Reply reply);
  [[nodiscard]] Result<jobs::ExportPage> export_page(Store store, std::string_view after) const;
  [[nodiscard]] std::string text_of(Store store, const Order& order) const {
    return shown(store, order);
  }

 private:
  struct Answer {
    int status = 200;
    bool created = false;
    bool replayed = false;
  };

  [[nodiscard]] std::vector<std::string_view> provider_names() const {
    return {payment_providers_.begin(), payment_providers_.end()};
  }
  [[nodiscard]] IdempotencyKey key_of(const http::Request& request, std::string key) const {
    return {request.principal == Principal::secret ? "secret" : "publishable",
            request.method + " " + request.path, std::move(key),
            to_hex(crypto_.sha256(request.body))};
  }
  struct Placing {
    PlaceOrder command;
    IdempotencyKey key;
  };
  using PlacingPtr = std::shared_ptr<const Placing>;
  void decide(const RequestPtr& request, Reply reply, const PlacingPtr& placing,
              const std::shared_ptr<const OfferSource::Found>& asked);
  void ask_catalog(const RequestPtr& request, const Reply& reply, const PlacingPtr& placing);
  void answer_placed(const RequestPtr& request, const Reply& reply, const PlacingPtr& placing,
                     const Receipt& receipt);
  [[nodiscard]] Result<PlaceOrder> command_of(const http::Request& request,
                                              PlaceOrderBody body) const;
  [[nodiscard]] std::string shown(Store store, const Order& order) const {
    const auto personal = unseal(store, order, queries_, crypto_).value_or(PersonalData{});
    return json::to_json(view_of(order, personal, access_.token_of(order.placed.order_id)));
  }
  using OrderPtr = std::shared_ptr<const Order>;
  static Response response_of(const Order& order, std::string body, Answer answer);
  void render(const RequestPtr& request, const std::string& order_id, Answer answer,
              Reply reply) const;
  void render_placed(const RequestPtr& request, const OrderPtr& order, const PlacingPtr& placing,
                     const Reply& reply) const;
  void change(const RequestPtr& request, Reply reply, int status, bool key_required,
              Orders::Decide decide);

  Executor& executor_;
  Readers& readers_;
  const Clock& clock_;
  IdSource& ids_;
  const Crypto& crypto_;
  std::string secret_;
  OrderAccess access_;
  Orders& orders_;
  const OrderQueries& queries_;
  OfferSource& offers_;
  std::vector<std::string> payment_providers_;
};

Result<PlaceOrder> OrderRoutes::command_of(const http::Request& request,
                                           PlaceOrderBody body) const {
  CardGuard guard;
  guard.check("/customer/name", body.customer.name);
  guard.check("/customer/external_id", body.customer.external_id);
  guard.check_address("/shipping_address", body.shipping_address);
  guard.check_address("/billing_address", body.billing_address);
  guard.check("/external_id", body.external_id);
  if (body.payment) {
    guard.check("/payment/provider", std::string_view(body.payment->provider));
    guard.check("/payment/token", std::string_view(body.payment->token));
    const auto& known = payment_providers_;
    if (std::ranges::find(known, body.payment->provider) == known.end())
      guard.add("/payment/provider", "unknown_provider", json::one_of(provider_names()));
  }
  for (const auto& [name, text] : body.metadata) {
    guard.check("/metadata/", std::string_view(text), name);
    guard.check("/metadata/", std::string_view(name), name);
  }
  auto phone = body.customer.phone ? to_e164(*body.customer.phone) : std::nullopt;
  if (body.customer.phone && !phone)
    guard.add("/customer/phone", "wrong_phone",
              "Must be a number with its country: a plus sign and 7 to 15 digits.");
  auto language =
      body.customer.language ? canonical_language(*body.customer.language) : std::nullopt;
  if (body.customer.language && !language)
    guard.add("/customer/language", "wrong_language", "Must be a language tag, as in de or de-AT.");
  const bool trusted = request.principal == Principal::secret;
  if (body.placed_at && !trusted)
    guard.add("/placed_at", "secret_key_required", "Only a secret key may set this.");
  guard.check("/display_number", body.display_number);
  if (body.display_number && !trusted)
    guard.add("/display_number", "secret_key_required", "Only a secret key may set this.");
  if (body.placed_at && *body.placed_at > clock_.now() + std::chrono::minutes(5))
    guard.add("/placed_at", "in_the_future", "Must not lie in the future.");
  for (std::size_t at = 0; at < body.lines.size(); ++at) {
    const auto& price = body.lines[at].unit_price;
    if (!price) continue;
    const auto pointer = "/lines/" + std::to_string(at) + "/unit_price";
    if (!trusted) guard.add(pointer, "secret_key_required", "Only a secret key may set this.");
    if (price->currency() != body.currency)
      guard.add(pointer + "/currency", "wrong_currency", "Must be the order's currency.");
  }
  if (auto good = guard.result(); !good) return fail(std::move(good.error()));

  PlaceOrder command;
  command.order_id = ids_.make<OrderId>();
  command.payment_id = ids_.make<payment::PaymentId>();
  command.channel = std::move(body.channel);
  command.external_id = std::move(body.external_id);
  command.customer_external_id = std::move(body.customer.external_id);
  command.placed_at = body.placed_at;
  command.currency = body.currency;
  for (auto& line : body.lines)
    command.lines.push_back({std::move(line.sku), line.quantity, line.unit_price});
  command.email_fingerprint =
      fingerprint(crypto_, secret_, "email", ascii_lower(body.customer.email));
  if (const auto& to = body.shipping_address) {
    command.address_fingerprint =
        fingerprint(crypto_, secret_, "address",
                    ascii_lower(to->line1 + "|" + to->city + "|" + to->postal_code.value_or("") +
                                "|" + to->country));
  }
  command.personal = {std::move(body.customer.email),
                      std::move(body.customer.name),
                      std::move(body.shipping_address),
                      std::move(body.billing_address),
                      std::move(phone),
                      std::move(language)};
  if (body.payment) {
    command.provider = std::move(body.payment->provider);
    command.token = std::move(body.payment->token);
    command.capture = body.payment->capture;
  }
  command.metadata = std::move(body.metadata);
  command.display_number = std::move(body.display_number);
  if (!command.customer_external_id) command.sealed = seal_for_guest(crypto_, command);
  return command;
}

void OrderRoutes::place(const RequestPtr& request, Reply reply) {
  auto body = http::read_body<PlaceOrderBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  auto key = http::idempotency_key(*request);
  if (!key) return reply(http::problem(key.error(), *request));
  auto command = command_of(*request, std::move(*body));
  if (!command) return reply(http::problem(command.error(), *request));

  auto used = key_of(*request, std::move(*key));
  decide(request, std::move(reply),
         std::make_shared<const Placing>(std::move(*command), std::move(used)), nullptr);
}

void OrderRoutes::decide(const RequestPtr& request, Reply reply, const PlacingPtr& placing,
                         const std::shared_ptr<const OfferSource::Found>& asked) {
  execute<Receipt>(
      executor_, Executor::Lane::outside, static_cast<int>(placing->command.lines.size()),
      request->cause(),
      [this, placing, asked](UnitOfWork& unit) {
        return orders_.place(unit, placing->command, placing->key, asked.get());
      },
      [this, request, reply = std::move(reply), placing, asked](Result<Receipt> receipt) {
        if (receipt) return answer_placed(request, reply, placing, *receipt);
        if (asked || !rests_on_offers(receipt.error()))
          return reply(http::problem(receipt.error(), *request));
        ask_catalog(request, reply, placing);
      },
      [this, placing] { orders_.prefetch(placing->key); });
}

/// The copy may be behind: only Catalog itself can say that something is not for sale.
void OrderRoutes::ask_catalog(const RequestPtr& request, const Reply& reply,
                              const PlacingPtr& placing) {
  std::set<std::string> skus;
  for (const auto& line : placing->command.lines) skus.insert(line.sku);
  offers_.read({skus.begin(), skus.end()}, [this, request, reply,
                                            placing](std::optional<OfferSource::Found> found) {
    if (!found) return reply(http::problem(catalog_unavailable(), *request));
    decide(request, reply, placing, std::make_shared<const OfferSource::Found>(std::move(*found)));
  });
}

void OrderRoutes::answer_placed(const RequestPtr& request, const Reply& reply,
                                const PlacingPtr& placing, const Receipt& receipt) {
  const auto wait = std::chrono::seconds(http::prefer_wait_seconds(*request));
  const Answer answer{0, true, receipt.replayed};
  const auto id = receipt.order_id;
  const auto until = wait.count() == 0 ? Timestamp{} : clock_.now() + wait;
  orders_.wait_until_final(id, until,
                           [this, request, id, answer, reply, placing](const OrderPtr& order) {
                             if (!order || answer.replayed)
                               return render(request, id, answer, reply);
                             render_placed(request, order, placing, reply);
                           });
}

/// From what the writer and the request know: nothing is read and folded again. On a reader's
/// thread all the same: the writer has other things to do.
void OrderRoutes::render_placed(const RequestPtr& request, const OrderPtr& order,
                                const PlacingPtr& placing, const Reply& reply) const {
  http::answer_from_store(readers_, request, reply, [this, order, placing](Store) {
    const auto token = access_.token_of(order->placed.order_id);
    return response_of(*order, json::to_json(view_of(*order, placing->command.personal, token)),
                       {0, true, false});
  });
}

Response OrderRoutes::response_of(const Order& order, std::string body, Answer answer) {
  const int status = answer.status != 0 ? answer.status : (order.is_final() ? 201 : 202);
  auto response = http::json_response(status, std::move(body));
  response.headers.emplace_back("ETag", "\"" + std::to_string(order.revision) + "\"");
  if (answer.created)
    response.headers.emplace_back("Location", "/v1/orders/" + order.placed.order_id);
  if (answer.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

void OrderRoutes::render(const RequestPtr& request, const std::string& order_id, Answer answer,
                         Reply reply) const {
  http::answer_from_store(readers_, request, std::move(reply), [=, this](Store store) {
    const auto order = fold_order(store.log, order_id);
    if (!order) return http::problem(no_order(), *request);
    return response_of(*order, shown(store, *order), answer);
  });
}

void OrderRoutes::show(const RequestPtr& request, Reply reply) {
  if (const auto allowed = access_.may_read(*request); !allowed)
    return reply(http::problem(allowed.error(), *request));
  http::Query query(*request);
  const bool is_past = query.text("as_of").has_value();
  const auto moment = moment_of(query, "as_of");
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  if (!is_past) return render(request, request->param("id"), {}, std::move(reply));
  http::answer_from_store(readers_, request, std::move(reply), [=, this](Store store) {
    const auto order = fold_order_at(store.log, request->param("id"), moment);
    if (!order) return http::problem(no_order(), *request);
    if (!order->exists() ||
        (moment.revision != Moment{}.revision && order->revision < moment.revision))
      return http::problem({ErrorKind::not_found, "not_at_that_moment",
                            order->exists() ? "The order has not come to that revision."
                                            : "The order was not there yet."},
                           *request);
    auto response = http::json_response(200, shown(store, *order));
    response.headers.emplace_back("ETag", "\"" + std::to_string(order->revision) + "\"");
    return response;
  });
}

void OrderRoutes::list(const RequestPtr& request, Reply reply, bool processes) {
  http::Query query(*request);
  OrderFilter filter;
  filter.limit = query.integer("limit", 1, 200, 50);
  filter.before_number = query.integer("cursor", 1, INT64_MAX, 0);
  if (processes) {
    filter.process_status = query.text("status");
    const auto& status = filter.process_status;
    if (status && *status != "running" && *status != "parked" && *status != "ended")
      query.error("status", "unknown_value", json::one_of({"running", "parked", "ended"}));
  } else {
    filter.status = query.text("filter[status]");
    if (filter.status && !json::from_name<OrderStatus>(*filter.status))
      query.error("filter[status]", "unknown_value", json::one_of(json::names_of<OrderStatus>()));
    filter.customer = query.text("filter[customer]");
    filter.external_id = query.text("filter[external_id]");
    filter.channel = query.text("filter[channel]");
    filter.display_number = query.text("filter[display_number]");
    filter.placed_from = query.time("filter[placed_from]");
    filter.placed_to = query.time("filter[placed_to]");
  }
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  http::answer_from_replica(readers_, request, std::move(reply), [this, filter](Store store) {
    OrderPage page;
    for (auto& row : queries_.list(store, filter))
      page.data.push_back({row.id, row.number,
                           row.display_number.value_or(std::to_string(row.number)), row.status,
                           row.payment_status, row.process_status, row.channel, row.external_id,
                           row.customer, row.total, row.placed_at});
    if (static_cast<std::int64_t>(page.data.size()) == filter.limit)
      page.next_cursor = std::to_string(page.data.back().number);
    return http::json_response(200, json::to_json(page));
  });
}

void OrderRoutes::history(const RequestPtr& request, Reply reply) {
  http::answer_from_store(readers_, request, std::move(reply), [request](Store store) {
    HistoryView view;
    store.log.read_stream(std::string(stream_prefix) + request->param("id"), 0,
                          [&](const RecordedEvent& row) {
                            const auto event = decode_event<OrderEvent>(row.type, row.data);
                            view.data.push_back({row.revision,
                                                 row.position,
                                                 row.recorded_at,
                                                 tell_event(event),
                                                 row.type,
                                                 {row.data}});
                            return true;
                          });
    if (view.data.empty()) return http::problem(no_order(), *request);
    return http::json_response(200, json::to_json(view));
  });
}

void OrderRoutes::change(const RequestPtr& request, Reply reply, int status, bool key_required,
                         Orders::Decide decide) {
  std::optional<IdempotencyKey> used;
  if (key_required || !request->header("idempotency-key").empty()) {
    auto key = http::idempotency_key(*request);
    if (!key) return reply(http::problem(key.error(), *request));
    used = key_of(*request, std::move(*key));
  }
  execute<Receipt>(
      executor_, Executor::Lane::outside, 10, request->cause(),
      [this, id = request->param("id"), decide = std::move(decide), used](UnitOfWork& unit) {
        return orders_.change(unit, id, decide, used ? &*used : nullptr);
      },
      [this, request, reply = std::move(reply), status](Result<Receipt> receipt) {
        if (!receipt) return reply(http::problem(receipt.error(), *request));
        render(request, receipt->order_id, {status, false, receipt->replayed}, reply);
      });
}

void OrderRoutes::cancel(const RequestPtr& request, Reply reply) {
  CancelBody body;
  if (!request->body.empty()) {
    auto read = http::read_body<CancelBody>(*request);
    if (!read) return reply(http::problem(read.error(), *request));
    body = std::move(*read);
  }
  CardGuard guard;
  guard.check("/reason", body.reason);
  if (const auto good = guard.result(); !good) return reply(http::problem(good.error(), *request));
  change(request, std::move(reply), 200, false,
         [reason = body.reason.value_or("")](const Order& order) {
           return ordering::cancel(order, reason);
         });
}

void OrderRoutes::capture(const RequestPtr& request, Reply reply) {
  change(request, std::move(reply), 200, false,
         [](const Order& order) { return ordering::capture(order); });
}

void OrderRoutes::fulfil(const RequestPtr& request, Reply reply) {
  FulfilBody body;
  if (!request->body.empty()) {
    auto read = http::read_body<FulfilBody>(*request);
    if (!read) return reply(http::problem(read.error(), *request));
    body = std::move(*read);
  }
  FulfilmentRecorded record;
  record.fulfilment_id = Id<"ful">(ids_.next()).str();
  for (auto& units : body.lines)
    record.lines.push_back({std::move(units.line_id), {}, units.quantity, true});
  if (body.tracking) {
    record.carrier = body.tracking->carrier;
    record.tracking_number = body.tracking->number;
    record.tracking_url = body.tracking->url;
  }
  change(request, std::move(reply), 201, false,
         [record](const Order& order) { return ordering::fulfil(order, record); });
}

void OrderRoutes::record_return(const RequestPtr& request, Reply reply) {
  auto body = http::read_body<ReturnBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  CardGuard guard;
  guard.check("/reason", body->reason);
  if (const auto good = guard.result(); !good) return reply(http::problem(good.error(), *request));
  ReturnRecorded record;
  record.return_id = Id<"ret">(ids_.next()).str();
  record.reason = std::move(body->reason);
  for (auto& units : body->lines)
    record.lines.push_back({std::move(units.line_id), {}, units.quantity, units.restock});
  change(request, std::move(reply), 201, false,
         [record, refund_id = Id<"ref">(ids_.next()).str()](const Order& order) {
           return ordering::record_return(order, record, refund_id);
         });
}

void OrderRoutes::refund(const RequestPtr& request, Reply reply) {
  auto body = http::read_body<RefundBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  CardGuard guard;
  guard.check("/reason", body->reason);
  if (const auto good = guard.result(); !good) return reply(http::problem(good.error(), *request));
  const RefundRequested wanted{Id<"ref">(ids_.next()).str(), body->amount, body->reason};
  change(request, std::move(reply), 201, true,
         [wanted](const Order& order) { return ordering::refund(order, wanted); });
}

void OrderRoutes::retry(const RequestPtr& request, Reply reply) {
  change(request, std::move(reply), 200, false,
         [](const Order& order) { return ordering::retry(order); });
}

/// The cursor is the position of an order's first event, `ordering:7`: positions follow the
/// commits, so that what is placed meanwhile is never behind it.
Result<jobs::ExportPage> OrderRoutes::export_page(Store store, std::string_view after) const {
  constexpr int orders_max = 200;
  constexpr int events_max = 5'000;
  constexpr std::string_view prefix = "ordering:";
  std::int64_t position = 0;
  if (!after.empty()) {
    const auto digits = after.substr(std::min(prefix.size(), after.size()));
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), position);
    if (!after.starts_with(prefix) || error != std::errc{} ||
        end != digits.data() + digits.size() || position < 0)
      return fail(jobs::wrong_cursor());
  }
  std::vector<std::pair<std::string, std::int64_t>> placed;
  int looked_at = 0;
  store.log.read_all(position, [&](const RecordedEvent& row) {
    position = row.position;
    if (row.type.starts_with("OrderPlaced."))
      placed.emplace_back(row.stream.substr(stream_prefix.size()), row.position);
    return placed.size() < orders_max && ++looked_at < events_max;
  });
  jobs::ExportPage page;
  for (const auto& [id, at] : placed) {
    page.text += shown(store, *fold_order(store.log, id)) + "\n";
    if (page.text.size() < jobs::export_page_bytes) continue;
    position = at;
    break;
  }
  page.cursor = std::string(prefix) + std::to_string(position);
  page.more = position < store.log.head();
  return page;
}

jobs::ExportSourcePtr make_order_export(ServiceContext& context,
                                        std::shared_ptr<const OrderRoutes> routes) {
  auto source = std::make_shared<jobs::ExportSource>();
  source->name = "orders";
  source->summary =
      "All orders in the order in which they were placed, JSON Lines, a page at a time";
  source->content_type = "application/jsonl";
  source->extension = ".jsonl";
  source->readers = &context.readers;
  source->page = [routes = std::move(routes)](Store store, const jobs::ExportRequest& request) {
    return routes->export_page(store, request.after);
  };
  return source;
}

}  // namespace

jobs::ExportSourcePtr add_order_routes(ServiceContext& context, Orders& orders,
                                       const OrderQueries& queries, OfferSource& offers,
                                       std::vector<std::string> payment_providers) {
  const auto routes =
      std::make_shared<OrderRoutes>(context, orders, queries, offers, std::move(payment_providers));
  using http::Access;
  const auto order = http::schema_of<OrderView>();
  const auto page = http::schema_of<OrderPage>();
  const auto to = [routes](void (OrderRoutes::*handle)(const RequestPtr&, Reply)) {
    return [routes, handle](const RequestPtr& request, Reply reply) {
      (routes.get()->*handle)(request, std::move(reply));
    };
  };
  const auto listing = [routes](bool processes) {
    return [routes, processes](const RequestPtr& request, Reply reply) {
      routes->list(request, std::move(reply), processes);
    };
  };
  auto& router = context.router;
  router
      .add({"POST",
            "/v1/orders",
            Access::publishable,
            "Place an order",
            "Orders",
            to(&OrderRoutes::place),
            http::schema_of<PlaceOrderBody>(),
            order,
            201,
            {},
            true})
      .also = {202, 409};
  router.add({"GET",
              "/v1/orders",
              Access::secret,
              "Orders, the newest first",
              "Orders",
              listing(false),
              {},
              page,
              200,
              {{"filter[status]", "placed, confirmed, …"},
               {"filter[customer]", "The merchant's id of the customer"},
               {"filter[external_id]", "The merchant's id of the order"},
               {"filter[channel]", "Where the order came from"},
               {"filter[display_number]", "The number that people read"},
               {"filter[placed_from]", "RFC 3339, inclusive"},
               {"filter[placed_to]", "RFC 3339, exclusive"},
               {"limit", "1 to 200, default 50"},
               {"cursor", "next_cursor of the page before"}}});
  router.add(
      {.method = "GET",
       .path = "/v1/orders/{id}",
       .access = Access::publishable,
       .summary = "An order; a publishable key needs its token in Stoa-Order-Token",
       .tag = "Orders",
       .handler = to(&OrderRoutes::show),
       .answer = order,
       .query = {{"as_of", "The order as it was known then: a time of RFC 3339, or a revision"}},
       .holds_secrets = true});
  router.add({"GET",
              "/v1/orders/{id}/events",
              Access::secret,
              "The history of an order",
              "Orders",
              to(&OrderRoutes::history),
              {},
              http::schema_of<HistoryView>()});
  router
      .add({"POST", "/v1/orders/{id}/cancel", Access::secret, "Cancel an order", "Orders",
            to(&OrderRoutes::cancel), http::schema_of<CancelBody>(), order})
      .also = {409};
  router
      .add({"POST",
            "/v1/orders/{id}/capture",
            Access::secret,
            "Capture the authorised payment of an order",
            "Orders",
            to(&OrderRoutes::capture),
            {},
            order})
      .also = {409, 422};
  router
      .add({"POST", "/v1/orders/{id}/fulfilments", Access::secret,
            "Record that goods leave the house", "Orders", to(&OrderRoutes::fulfil),
            http::schema_of<FulfilBody>(), order, 201})
      .also = {409};
  router
      .add({"POST", "/v1/orders/{id}/returns", Access::secret,
            "Record that goods came back; refunds what was paid for them", "Orders",
            to(&OrderRoutes::record_return), http::schema_of<ReturnBody>(), order, 201})
      .also = {409};
  router
      .add({"POST",
            "/v1/orders/{id}/refunds",
            Access::secret,
            "Give money back",
            "Orders",
            to(&OrderRoutes::refund),
            http::schema_of<RefundBody>(),
            order,
            201,
            {},
            true})
      .also = {409};
  add_order_diff(router, context.readers, [routes](Store store, const Order& shown) {
    return routes->text_of(store, shown);
  });
  router.add({"GET",
              "/v1/processes",
              Access::secret,
              "Orders by the state of their process",
              "Operations",
              listing(true),
              {},
              page,
              200,
              {{"status", "running, parked or ended"},
               {"limit", "1 to 200, default 50"},
               {"cursor", "next_cursor of the page before"}}});
  router
      .add({"POST",
            "/v1/processes/{id}/retry",
            Access::secret,
            "Try a parked process again; the id is the order's",
            "Operations",
            to(&OrderRoutes::retry),
            {},
            order})
      .also = {409, 422};
  return make_order_export(context, routes);
}

}  // namespace stoa::ordering
