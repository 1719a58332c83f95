#include "services/notification/application/writing.hpp"

#include <algorithm>

namespace stoa::notification {
namespace {

namespace facts = ordering::contracts;

/// `19.99 GBP`, with the decimals of the currency and the mark of the language.
std::string spell(const Money& money, std::string_view language) {
  auto text = to_decimal(money);
  if (has_decimal_comma(language)) std::replace(text.begin(), text.end(), '.', ',');
  return text.append(" ").append(money.currency().code());
}

/// One line for a header or an SMS: whatever a customer's name or a title holds.
std::string on_one_line(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  return text;
}

const facts::LineFact* line_of(const OrderFacts& order, std::string_view id) {
  const auto at = std::find_if(order.lines.begin(), order.lines.end(),
                               [&](const auto& line) { return line.line_id == id; });
  return at == order.lines.end() ? nullptr : &*at;
}

Scope unit_scope(const facts::LineFact& line, Quantity quantity) {
  return {
      {{"title", line.title}, {"sku", line.sku}, {"quantity", std::to_string(quantity.count())}}};
}

std::vector<Scope> units_of(const OrderFacts& order, const std::vector<facts::UnitsFact>& units) {
  std::vector<Scope> scopes;
  for (const auto& one : units)
    if (const auto* line = line_of(order, one.line_id))
      scopes.push_back(unit_scope(*line, one.quantity));
  return scopes;
}

/// What was still to be sent after a fulfilment, whatever has been sent since.
std::vector<Scope> remaining_after(const OrderFacts& order, std::string_view fulfilment_id) {
  std::map<std::string_view, std::int64_t> sent;
  for (const auto& fulfilment : order.fulfilments) {
    for (const auto& units : fulfilment.units) sent[units.line_id] += units.quantity.count();
    if (fulfilment.id == fulfilment_id) break;
  }
  std::vector<Scope> scopes;
  for (const auto& line : order.lines) {
    const auto left = line.quantity.count() - sent[line.line_id];
    if (left > 0) scopes.push_back(unit_scope(line, Quantity(left)));
  }
  return scopes;
}

template <class Facts>
const Facts* find(const std::vector<Facts>& all, std::string_view id) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.id == id; });
  return at == all.end() ? nullptr : &*at;
}

class Speech {
 public:
  Speech(const OrderFacts& order, std::string_view language) : order_(order), language_(language) {}

  Scope about(const Occasion& occasion, const std::string& shop_name) {
    set("shop_name", shop_name);
    if (order_.customer) set("customer_name", order_.customer->name.value_or(""));
    set("order_number", order_.number);
    set("order_id", order_.order_id);
    set("placed_on", to_rfc3339(order_.placed_at).substr(0, 10));
    set("total", spell(order_.total, language_));
    std::vector<Scope> lines;
    for (const auto& line : order_.lines) {
      auto scope = unit_scope(line, line.quantity);
      scope.members["unit_price"] = spell(line.unit_price, language_);
      scope.members["total"] = spell(line.total, language_);
      lines.push_back(std::move(scope));
    }
    scope_.members["lines"] = std::move(lines);
    tell(occasion);
    return std::move(scope_);
  }

 private:
  void set(const std::string& name, std::string text) { scope_.members[name] = std::move(text); }
  void set_refund(const Money& money) {
    if (!money.is_zero()) set("refund_amount", spell(money, language_));
  }

  void tell(const Occasion& occasion) {
    const auto code = order_.rejection_code.value_or("");
    switch (occasion.kind) {
      case Kind::order_confirmed:
        return;
      case Kind::order_rejected:
        if (code == "out_of_stock" || code == "stock_timeout") set("out_of_stock", "1");
        // Why a payment was not taken is between the customer and the bank; a suspicion is ours.
        if (!code.starts_with("stock") && code != "out_of_stock" && code != "fraud_suspected")
          set("payment_failed", "1");
        return;
      case Kind::order_cancelled:
        set("reason", order_.cancel_reason.value_or(""));
        return set_refund(order_.refunded);
      case Kind::order_refunded:
        if (const auto* refund = find(order_.refunds, occasion.subject_id))
          set_refund(refund->amount);
        return;
      case Kind::return_received:
        if (const auto* one = find(order_.returns, occasion.subject_id)) {
          scope_.members["units"] = units_of(order_, one->units);
          set_refund(one->refund);
        }
        return;
      case Kind::order_shipped:
      case Kind::order_partly_shipped:
        return tell_shipment(occasion.subject_id);
    }
  }
  void tell_shipment(const std::string& id) {
    const auto* sent = find(order_.fulfilments, id);
    if (sent == nullptr) return;
    scope_.members["units"] = units_of(order_, sent->units);
    scope_.members["remaining"] = remaining_after(order_, id);
    set("carrier", sent->carrier.value_or(""));
    set("tracking_number", sent->tracking_number.value_or(""));
    // A path of the shop means nothing to the reader of a mail.
    if (sent->tracking_url && sent->tracking_url->starts_with("http"))
      set("tracking_url", *sent->tracking_url);
  }

  const OrderFacts& order_;
  std::string_view language_;
  Scope scope_;
};

/// Parses and renders one member; its faults go to `errors`.
std::string render(std::string_view member, const std::string& text, const Scope& scope,
                   Template::Escape escape, std::vector<FieldError>& errors) {
  const auto parsed = Template::parse(text, vocabulary());
  auto out = parsed ? parsed->render(scope, escape) : Result<std::string>(fail(parsed.error()));
  if (out) return std::move(*out);
  errors.push_back({"/" + std::string(member), out.error().code, out.error().detail});
  return {};
}

Error wrong_template(std::vector<FieldError> errors) {
  return {ErrorKind::invalid, errors.front().code,
          "The template cannot be used like this; see errors.", std::move(errors)};
}

}  // namespace

Result<void> check_template(Channel channel, const TemplateText& text) {
  std::vector<FieldError> errors;
  const auto check = [&](std::string_view member, const std::string& part) {
    const auto parsed = Template::parse(part, vocabulary());
    if (!parsed)
      errors.push_back({"/" + std::string(member), parsed.error().code, parsed.error().detail});
  };
  if (text.text.empty()) errors.push_back({"/text", "missing", "Must not be empty."});
  if (channel == Channel::email && text.subject.empty())
    errors.push_back({"/subject", "missing", "A mail must have a subject."});
  if (channel == Channel::sms && !text.subject.empty())
    errors.push_back({"/subject", "not_allowed", "An SMS has no subject."});
  if (channel == Channel::sms && !text.html.empty())
    errors.push_back({"/html", "not_allowed", "An SMS has no HTML part."});
  check("subject", text.subject);
  check("text", text.text);
  check("html", text.html);
  if (errors.empty()) return {};
  return fail(wrong_template(std::move(errors)));
}

void MessageWriter::name_shop(std::optional<std::string> name) {
  const std::lock_guard lock(mutex_);
  shop_name_ = std::move(name);
}

std::string MessageWriter::shop_name() const {
  const std::lock_guard lock(mutex_);
  return shop_name_.value_or(sender_name_);
}

Result<Written> MessageWriter::write(const Occasion& occasion, const OrderFacts& order) const {
  const auto wanted = order.customer ? order.customer->language : std::nullopt;
  const auto language =
      canonical_language(wanted.value_or("")).value_or(std::string(default_language));
  const auto with = book_.best({occasion.kind, occasion.channel, language});
  if (!with)
    return fail(ErrorKind::internal, "no_template", "This kind is not told by this channel.");
  return write_with(occasion, order, *with);
}

Result<Written> MessageWriter::write_with(const Occasion& occasion, const OrderFacts& order,
                                          const StoredTemplate& with) const {
  const auto scope = Speech(order, with.key.language).about(occasion, shop_name());
  std::vector<FieldError> errors;
  using Escape = Template::Escape;
  Written written{with.key.language, with.revision, {}};
  written.text.subject =
      on_one_line(render("subject", with.text.subject, scope, Escape::none, errors));
  written.text.text = render("text", with.text.text, scope, Escape::none, errors);
  written.text.html = render("html", with.text.html, scope, Escape::html, errors);
  if (!errors.empty()) return fail(wrong_template(std::move(errors)));
  return written;
}

OrderFacts sample_order(std::string language) {
  const auto currency = *Currency::parse("GBP");
  const auto money = [&](std::int64_t amount) { return Money(amount, currency); };
  OrderFacts order;
  order.order_id = "ord_00000000000000000000000000";
  order.number = "1001";
  order.placed_at = *from_rfc3339("2026-01-31T12:00:00Z");
  order.customer = facts::CustomerFacts{"customer@example.org", "A. Customer", "+441632960000",
                                        std::move(language)};
  order.lines = {{"line_1", "TEA-1", "Tea <green> & \"fine\"", Quantity(2), money(450), money(900)},
                 {"line_2", "CUP-1", "Cup", Quantity(1), money(1'250), money(1'250)}};
  order.total = money(2'150);
  order.rejection_code = "out_of_stock";
  order.cancel_reason = "Changed my mind";
  order.fulfilments = {{"shipment",
                        {{"line_1", Quantity(2)}},
                        "Royal Mail",
                        "AB123456789GB",
                        "https://example.org/track/AB123456789GB"}};
  order.returns = {{"return", {{"line_1", Quantity(1)}}, money(450)}};
  order.refunds = {{"refund", money(450)}};
  order.refunded = money(450);
  return order;
}

std::string latest_subject(Kind kind, const OrderFacts& order) {
  const auto last = [](const auto& all) { return all.empty() ? std::string() : all.back().id; };
  switch (kind) {
    case Kind::order_shipped:
    case Kind::order_partly_shipped:
      return last(order.fulfilments);
    case Kind::return_received:
      return last(order.returns);
    case Kind::order_refunded:
      return last(order.refunds);
    default:
      return {};
  }
}

}  // namespace stoa::notification
