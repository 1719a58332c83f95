#include "services/ordering/application/orders.hpp"

#include <algorithm>
#include <utility>

#include "kernel/base/planted.hpp"
#include "kernel/base/text.hpp"
#include "kernel/eventlog/origin.hpp"
#include "services/ordering/application/order_view.hpp"

namespace stoa::ordering {
namespace {

// Bounds of what is remembered: about 20 MB when full.
constexpr std::size_t hot_orders_max = 4'096;
constexpr std::size_t offers_max = 50'000;
constexpr std::size_t person_keys_max = 20'000;

// Codes of faults of an order's lines.
constexpr std::string_view unknown_sku = "unknown_sku";
constexpr std::string_view no_price = "no_price";

std::string stream_of(std::string_view order_id) {
  return std::string(stream_prefix).append(order_id);
}

std::unexpected<Error> no_such_order() {
  return fail(ErrorKind::not_found, "order_not_found", "There is no such order.");
}

OrderRow row_of(const std::string& id, const Order& order, const Deadlines& deadlines) {
  return {id,
          order.placed.number,
          order.placed.channel,
          order.placed.external_id,
          order.placed.customer_external_id,
          std::string(json::name_of(order.status)),
          std::string(json::name_of(order.payment_status())),
          order.placed.total,
          order.placed.placed_at,
          order.revision,
          due_at(order, deadlines),
          std::string(process_status_of(order)),
          order.placed.display_number};
}

std::string seal_under(const SealingKey& key, const Crypto& crypto, const PlaceOrder& command) {
  return to_base64(
      crypto.seal(key, json::to_stored_json(command.personal), stream_of(command.order_id.str())));
}

void check_line(std::vector<FieldError>& errors, const PlaceOrder& command, std::size_t at,
                const Offer* offer, PlacedLine& line) {
  const auto& wanted = command.lines[at];
  const auto pointer = "/lines/" + std::to_string(at);
  if (offer == nullptr || !offer->sellable) {
    errors.push_back(
        {pointer + "/sku", std::string(unknown_sku), "No SKU of this name is for sale."});
    return;
  }
  line = {"line_" + std::to_string(at + 1), wanted.sku, offer->title, wanted.quantity, {}};
  if (wanted.unit_price) {
    line.unit_price = *wanted.unit_price;
    return;
  }
  for (const auto& price : offer->prices) {
    if (price.currency() != command.currency) continue;
    line.unit_price = price;
    return;
  }
  errors.push_back(
      {pointer + "/sku", std::string(no_price), "This SKU has no price in the currency."});
}

const Offer* offer_in(const OfferSource::Found& found, const std::string& sku) {
  const auto at = found.find(sku);
  return at == found.end() ? nullptr : &at->second;
}

}  // namespace

bool rests_on_offers(const Error& refusal) {
  return std::ranges::any_of(refusal.fields, [](const FieldError& one) {
    return one.code == unknown_sku || one.code == no_price;
  });
}

Sealed seal_for_guest(const Crypto& crypto, const PlaceOrder& command) {
  Sealed sealed;
  crypto.random_bytes(sealed.key);
  sealed.text = seal_under(sealed.key, crypto, command);
  return sealed;
}

std::optional<Order> fold_order(EventLog& log, std::string_view order_id) {
  Order order;
  log.read_stream(stream_of(order_id), 0, [&](const RecordedEvent& row) {
    evolve(order, decode_event<OrderEvent>(row.type, row.data), row.recorded_at);
    return true;
  });
  return order.exists() ? std::optional(std::move(order)) : std::nullopt;
}

Orders::Orders(EventLog& log, Topic<contracts::Event>& topic, OrderStore& store,
               Idempotency& idempotency, const Crypto& crypto, News& news, Deadlines deadlines,
               ShopCopy& shop, OrderNumbers& numbers)
    : store_(store),
      idempotency_(idempotency),
      crypto_(crypto),
      news_(news),
      deadlines_(deadlines),
      shop_(shop),
      numbers_(numbers),
      journal_(log, topic, translate) {}

Result<Receipt> Orders::place(UnitOfWork& unit, const PlaceOrder& command,
                              const IdempotencyKey& key, const OfferSource::Found* asked) {
  const auto used = idempotency_.find(key);
  if (!used) return fail(used.error());
  if (*used) {
    const auto order = load(**used);
    return Receipt{**used, order->revision, order->is_final(), true};
  }
  if (auto good = check_new(command); !good) return fail(std::move(good.error()));
  auto placed = priced(command, asked);
  if (!placed) return fail(std::move(placed.error()));
  auto number = number_for(command, unit.now());
  if (!number) return fail(std::move(number.error()));

  // Everything is decided: from here on nothing may fail.
  placed->number = number->number;
  placed->display_number = std::move(number->display);
  placed->payment_deadline_seconds = shop_.payment_deadline_seconds();
  placed->capture_deadline_seconds = shop_.capture_deadline_seconds();
  placed->placed_at = command.placed_at.value_or(unit.now());
  placed->key_id = command.customer_external_id ? "customer:" + *command.customer_external_id
                                                : "order:" + placed->order_id;
  placed->personal = seal(command, placed->key_id);
  const auto order = std::make_shared<Order>();
  const auto id = placed->order_id;
  append(unit, id, order, {std::move(*placed)});
  // The row stands before the batch ends where a later command of it may look for a name.
  if (command.external_id || order->placed.display_number)
    store_.save(row_of(id, *order, deadlines_));
  idempotency_.store(key, id, unit.now());
  return Receipt{id, order->revision, false, false};
}

Result<void> Orders::check_new(const PlaceOrder& command) {
  if (!shop_.sells_in(command.currency))
    return fail(Error{ErrorKind::invalid,
                      "currency_not_sold",
                      "The shop does not sell in this currency.",
                      {{"/currency", "currency_not_sold", "Must be a currency of the shop."}}});
  if (!command.external_id) return {};
  const auto first = store_.find_external(command.channel, *command.external_id);
  if (!first) return {};
  return fail(Error{ErrorKind::conflict,
                    "external_id_taken",
                    "This channel has an order with this external_id already.",
                    {{"/external_id", "external_id_taken", "Must be unique in its channel."}},
                    "/v1/orders/" + *first});
}

Result<OrderNumber> Orders::number_for(const PlaceOrder& command, Timestamp now) {
  // What is looked for among the rows may be the number of an order of this batch.
  if (command.display_number || !shop_.numbers().is_plain()) save_changed();
  if (command.display_number) return numbers_.bring(*command.display_number);
  return numbers_.next(shop_.numbers(), shop_.date(now));
}

Result<OrderPlaced> Orders::priced(const PlaceOrder& command, const OfferSource::Found* asked) {
  OrderPlaced placed;
  std::vector<FieldError> errors;
  auto total = std::optional(Money::zero(command.currency));
  for (std::size_t at = 0; at < command.lines.size(); ++at) {
    auto& line = placed.lines.emplace_back();
    const auto before = errors.size();
    const auto& sku = command.lines[at].sku;
    check_line(errors, command, at, asked != nullptr ? offer_in(*asked, sku) : offer_of(sku), line);
    if (errors.size() != before || !total) continue;
    auto sum = line.unit_price.checked_multiply(line.quantity.count());
    if (planted(Defect::rounding_per_line) && sum)
      sum = Money((sum->amount() + 2) / 5 * 5, sum->currency());
    total = sum ? total->checked_add(*sum) : std::nullopt;
    if (!total)
      errors.push_back({"/lines/" + std::to_string(at) + "/quantity", "total_too_large",
                        "The total of the order would not fit."});
  }
  if (errors.empty() && !total->is_zero() && !command.provider)
    errors.push_back({"/payment", "missing", "An order that costs something needs a payment."});
  if (!errors.empty())
    return fail(Error{ErrorKind::invalid, "invalid_order",
                      "The order cannot be placed like this; see errors.", std::move(errors)});
  placed.order_id = command.order_id.str();
  placed.channel = command.channel;
  placed.external_id = command.external_id;
  placed.customer_external_id = command.customer_external_id;
  placed.email_fingerprint = command.email_fingerprint;
  placed.address_fingerprint = command.address_fingerprint;
  if (command.personal.shipping) placed.shipping_country = command.personal.shipping->country;
  if (command.personal.billing) placed.billing_country = command.personal.billing->country;
  placed.total = *total;
  placed.payment_id = command.payment_id.str();
  if (!total->is_zero()) {
    placed.provider = *command.provider;
    placed.token = command.token;
  }
  placed.capture = command.capture;
  placed.metadata = command.metadata;
  if (command.personal.phone) placed.has_phone = true;
  return placed;
}

const Offer* Orders::offer_of(const std::string& sku) {
  if (const auto at = offers_.find(sku); at != offers_.end()) return &at->second;
  auto offer = store_.offer(sku);
  if (!offer) return nullptr;
  if (offers_.size() >= offers_max) offers_.clear();
  return &offers_.emplace(sku, std::move(*offer)).first->second;
}

std::string Orders::seal(const PlaceOrder& command, const std::string& key_id) {
  if (planted(Defect::personal_data_unsealed)) return json::to_stored_json(command.personal);
  if (!command.customer_external_id) {
    auto sealed = command.sealed ? *command.sealed : seal_for_guest(crypto_, command);
    store_.put_person_key(key_id, sealed.key);
    return std::move(sealed.text);
  }
  auto at = person_keys_.find(key_id);
  if (at == person_keys_.end()) {
    auto key = store_.person_key(key_id);
    if (!key) {
      crypto_.random_bytes(key.emplace());
      store_.put_person_key(key_id, *key);
    }
    if (person_keys_.size() >= person_keys_max) person_keys_.clear();
    at = person_keys_.emplace(key_id, *key).first;
  }
  return seal_under(at->second, crypto_, command);
}

Result<Receipt> Orders::change(UnitOfWork& unit, std::string_view order_id, const Decide& decide,
                               const IdempotencyKey* key) {
  const auto order = load(order_id);
  if (!order) return no_such_order();
  if (key != nullptr) {
    const auto used = idempotency_.find(*key);
    if (!used) return fail(used.error());
    if (*used) return Receipt{std::string(order_id), order->revision, order->is_final(), true};
  }
  const auto events = decide(*order);
  if (!events) return fail(events.error());
  append(unit, order_id, order, *events);
  if (key != nullptr) idempotency_.store(*key, order_id, unit.now());
  return Receipt{std::string(order_id), order->revision, order->is_final(), false};
}

std::shared_ptr<Order> Orders::load(std::string_view order_id) {
  const std::string id(order_id);
  if (const auto at = hot_.find(id); at != hot_.end()) return at->second;
  auto folded = fold_order(journal_.log(), order_id);
  if (!folded) return nullptr;
  auto order = std::make_shared<Order>(std::move(*folded));
  hot_.emplace(id, order);
  return order;
}

void Orders::append(UnitOfWork& unit, std::string_view order_id,
                    const std::shared_ptr<Order>& order, const Events& events) {
  if (events.empty()) return;
  const auto before = order->revision;
  for (const auto& event : events) evolve(*order, event, unit.now());
  const std::string id(order_id);
  hot_[id] = order;
  changed_[id] = order;
  // Nothing but a new order has no event yet.
  const auto revision =
      journal_.append(unit, stream_of(order_id), before == 0 ? Expected::fresh : before, events);
  STOA_ASSERT(revision && *revision == order->revision);
  const auto waits = waits_.equal_range(order_id);
  if (!order->is_final() || waits.first == waits.second) return;
  unit.after_commit([this, id] { answer_waits(id); });
}

void Orders::answer_waits(const std::string& order_id) {
  const auto [first, last] = waits_.equal_range(order_id);
  std::vector<Then> due;
  for (auto at = first; at != last; ++at) due.push_back(std::move(at->second.then));
  waits_.erase(first, last);
  const auto known = hot_.find(order_id);
  const auto now = known == hot_.end() ? nullptr : std::make_shared<const Order>(*known->second);
  for (const auto& then : due) then(now);
}

void Orders::tell(UnitOfWork& unit, std::string_view order_id,
                  const std::function<Events(const Order&)>& decide) {
  if (const auto order = load(order_id)) append(unit, order_id, order, decide(*order));
}

void Orders::prefetch_order(const std::string& order_id) {
  if (!hot_.contains(order_id)) journal_.log().prefetch_stream(stream_of(order_id));
}

void Orders::on(UnitOfWork& unit, const catalog::contracts::StockReserved& e) {
  tell(unit, e.order_id, on_stock_reserved);
}

void Orders::on(UnitOfWork& unit, const catalog::contracts::StockRejected& e) {
  tell(unit, e.order_id, [&](const Order& order) { return on_stock_rejected(order, e.skus); });
}

void Orders::on(UnitOfWork&, const catalog::contracts::ProductChanged& e) {
  for (const auto& sku : e.removed_skus) {
    store_.remove_offer(sku);
    offers_.erase(sku);
  }
  for (const auto& one : e.offers) {
    store_.put_offer(one.sku, {one.title, e.sellable, one.prices});
    if (!planted(Defect::offers_stale)) offers_.erase(one.sku);
  }
}

void Orders::on(UnitOfWork&, const shop::contracts::ShopChanged& e) { shop_.change(e); }

/// What the payment is asked for at the prices of now: the planted defect `price_at_payment`.
void Orders::price_again(const Order& order, Events& events) {
  for (auto& event : events) {
    auto* assessed = std::get_if<OrderAssessed>(&event);
    if (assessed == nullptr || !assessed->payment) continue;
    auto total = Money::zero(order.currency());
    for (const auto& line : order.lines) {
      const auto* offer = offer_of(line.sold.sku);
      for (const auto& price : offer != nullptr ? offer->prices : std::vector<Money>{})
        if (price.currency() == order.currency())
          total = total + *price.checked_multiply(line.sold.quantity.count());
    }
    assessed->payment->amount = total;
  }
}

void Orders::on(UnitOfWork& unit, const agents::contracts::FraudAssessed& e) {
  tell(unit, e.order_id, [&](const Order& order) {
    auto events = on_assessed(order, {e.score, Assessor::rules, e.reasons}, e.reject);
    if (planted(Defect::price_at_payment)) price_again(order, events);
    return events;
  });
}

// A capture that nobody expected needs nothing here: Payment gives it back by itself.

void Orders::on(UnitOfWork& unit, const payment::contracts::PaymentAuthorized& e) {
  tell(unit, e.order_id, [&](const Order& o) { return on_payment_authorized(o, e.amount); });
}

void Orders::on(UnitOfWork& unit, const payment::contracts::PaymentCaptured& e) {
  tell(unit, e.order_id, [&](const Order& o) { return on_payment_captured(o, e.amount); });
}

void Orders::on(UnitOfWork& unit, const payment::contracts::PaymentDeclined& e) {
  tell(unit, e.order_id, [&](const Order& o) { return on_payment_declined(o, e.code, e.detail); });
}

void Orders::on(UnitOfWork& unit, const payment::contracts::PaymentClosed& e) {
  tell(unit, e.order_id,
       [&](const Order& o) { return on_payment_closed(o, e.reason, e.captured); });
}

void Orders::on(UnitOfWork& unit, const payment::contracts::RefundCompleted& e) {
  tell(unit, e.order_id, [&](const Order& o) { return on_refund_completed(o, e.refund_id); });
}

void Orders::on(UnitOfWork& unit, const payment::contracts::RefundFailed& e) {
  tell(unit, e.order_id, [&](const Order& o) { return on_refund_failed(o, e.refund_id, e.code); });
}

void Orders::on(UnitOfWork& unit, const payment::contracts::PaymentParked& e) {
  tell(unit, e.order_id, [&](const Order& o) { return on_parked(o, e.operation, e.detail); });
}

int Orders::act_on_deadlines(UnitOfWork& unit) {
  const auto due = store_.due(unit.now(), orders_due_max);
  for (const auto& id : due) {
    join_trace_of(unit, journal_.log(), stream_of(id));
    tell(unit, id, [&](const Order& o) { return on_deadline(o, deadlines_, unit.now()); });
  }
  return static_cast<int>(due.size());
}

void Orders::wait_until_final(std::string_view order_id, Timestamp until, Then then) {
  const auto order = load(order_id);
  if (order && !order->is_final() && until > Timestamp{}) {
    waits_.emplace(order_id, Wait{until, std::move(then)});
    return;
  }
  then(order ? std::make_shared<const Order>(*order) : nullptr);
}

void Orders::tend_waits(UnitOfWork& unit) {
  if (std::exchange(others_wrote_, false)) {
    for (auto at = waits_.begin(); at != waits_.end(); at = waits_.upper_bound(at->first)) {
      const auto order = load(at->first);
      if (order && order->is_final())
        unit.after_commit([this, id = at->first] { answer_waits(id); });
    }
  }
  for (auto at = waits_.begin(); at != waits_.end();) {
    if (at->second.until > unit.now()) {
      ++at;
      continue;
    }
    const auto then = std::move(at->second.then);
    at = waits_.erase(at);
    then(nullptr);  // within a batch: what memory knows is not durable yet
  }
}

void Orders::save_changed() {
  for (const auto& [id, order] : changed_) {
    store_.save(row_of(id, *order, deadlines_));
    news_.note(stream_of(id));
  }
  changed_.clear();
}

void Orders::flush(UnitOfWork&) {
  save_changed();
  numbers_.flush();
  if (hot_.size() > hot_orders_max) hot_.clear();
}

void Orders::rolled_back() noexcept {
  if (!planted(Defect::rollback_keeps_memory)) hot_.clear();
  others_wrote_ = true;
  changed_.clear();
  offers_.clear();
  person_keys_.clear();
  numbers_.rolled_back();
  shop_.rolled_back();
}

}  // namespace stoa::ordering
