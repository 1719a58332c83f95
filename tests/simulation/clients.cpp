#include "simulation/clients.hpp"

#include <array>

#include "services/catalog/domain/stock.hpp"

namespace stoa::simulation {

using namespace std::chrono_literals;

namespace {

constexpr int tries_max = 12;

constexpr std::array<std::string_view, 15> tokens{"tok_ok",
                                                  "tok_ok",
                                                  "tok_ok",
                                                  "tok_ok",
                                                  "tok_ok",
                                                  "tok_fraud",
                                                  "tok_slow",
                                                  "tok_timeout_then_success",
                                                  "tok_late_webhook",
                                                  "tok_duplicate_webhook",
                                                  "tok_wrong_amount",
                                                  "tok_declined",
                                                  "tok_expired_card",
                                                  "tok_insufficient_funds",
                                                  "tok_timeout_then_nothing"};

bool is_yes(int status) { return status >= 200 && status < 300; }

/// An answer after which the shop may or may not have done it.
bool is_unclear(int status) { return status >= 500 || status == 429; }

std::string units(Random& random, const Wish& order, bool of_return) {
  std::string lines;
  for (std::size_t at = 0; at < order.lines.size(); ++at) {
    if (random.chance(40)) continue;
    lines += lines.empty() ? "" : ",";
    lines += R"({"line_id":"line_)" + std::to_string(at + 1) + R"(","quantity":)" +
             std::to_string(random.between(1, order.lines[at].quantity));
    if (of_return) lines += random.chance(50) ? R"(,"restock":true)" : R"(,"restock":false)";
    lines += "}";
  }
  if (lines.empty() && of_return) return R"([{"line_id":"line_1","quantity":1}])";
  return "[" + lines + "]";
}

}  // namespace

std::string money(std::int64_t pence) {
  return R"({"amount":)" + std::to_string(pence) + R"(,"currency":"GBP"})";
}

std::string header_of(const http::Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return {};
}

http::Request request_of(const Wish& wish) {
  http::Request request;
  request.method = wish.method;
  request.path = wish.path;
  request.headers = {{"content-type", "application/json"}, {"idempotency-key", wish.key}};
  if (!wish.if_match.empty()) request.headers.emplace_back("if-match", wish.if_match);
  if (wish.waits) request.headers.emplace_back("prefer", "wait=2");
  request.body = wish.body;
  request.principal = http::Principal::secret;
  return request;
}

http::Request get_request(std::string path) {
  http::Request request;
  request.method = "GET";
  request.path = std::move(path);
  request.principal = http::Principal::secret;
  return request;
}

void Clients::plan(std::uint64_t seed, int wishes, Duration within,
                   const std::vector<std::string>& product_ids) {
  product_ids_ = product_ids;
  for (const auto& [sku, price] : skus_of_image) {
    prices_.emplace(sku, price);
    skus_.push_back(sku);
  }
  locations_ = {std::string(catalog::default_location), std::string(annex_of_image)};
  Random random = Random(seed).fork("clients");
  has_office_ = random.chance(50);
  if (has_office_) wishes += static_cast<int>(random.between(0, 8));
  for (int at = 0; at < wishes; ++at) {
    const auto begins = Duration(random.between(0, within.count()));
    auto own = random.fork("wish " + std::to_string(at));
    if (!world_.may(Step::request)) continue;
    ++open_;
    world_.after(begins,
                 [this, number = static_cast<std::size_t>(at), own] { begin(number, own); });
  }
}

Deed Clients::draw_deed(Random& random) const {
  static constexpr std::array more{Deed::place,     Deed::place,     Deed::place,
                                   Deed::place,     Deed::cancel,    Deed::cancel,
                                   Deed::capture,   Deed::capture,   Deed::fulfil,
                                   Deed::fulfil,    Deed::fulfil,    Deed::fulfil,
                                   Deed::give_back, Deed::give_back, Deed::refund,
                                   Deed::refund,    Deed::refund,    Deed::adjust,
                                   Deed::limit,     Deed::retry,     Deed::place_again_otherwise};
  static constexpr std::array first{Deed::place,  Deed::place, Deed::place,
                                    Deed::adjust, Deed::price, Deed::nonsense};
  static constexpr std::array office{
      Deed::location,    Deed::location,    Deed::transfer,         Deed::transfer,
      Deed::transfer,    Deed::open_count,  Deed::open_count,       Deed::adjust,
      Deed::settings,    Deed::settings,    Deed::message_template, Deed::message_template,
      Deed::product,     Deed::product,     Deed::replay,           Deed::nonsense,
      Deed::nonsense,    Deed::amend_count, Deed::amend_count,      Deed::apply_count,
      Deed::apply_count, Deed::apply_count, Deed::cancel_count};
  if (has_office_ && random.chance(45)) {
    const auto deed = random.pick(office);
    const bool needs_count =
        deed == Deed::amend_count || deed == Deed::apply_count || deed == Deed::cancel_count;
    return needs_count && counts_.empty() ? Deed::open_count : deed;
  }
  return placed_.empty() ? random.pick(first) : random.pick(more);
}

void Clients::begin(std::size_t number, Random random) {
  auto& wish = *wishes_.emplace_back(std::make_unique<Wish>());
  wish.number = number;
  wish.key = "key-" + std::to_string(number);
  wish.deed = draw_deed(random);
  write(wish, random);
  world_.trace(wish.key + " wants " + wish.method + " " + wish.path + " " + wish.body);
  send(wish);
}

void Clients::write(Wish& wish, Random& random) {
  if (wish.deed == Deed::place) return write_order(wish, random);
  if (wish.deed == Deed::adjust) {
    auto delta = random.between(-4, 6);
    if (delta == 0) delta = 1;
    wish.path = "/v1/inventory/" + random.pick(skus_) + "/adjustments";
    wish.body = R"({"delta":)" + std::to_string(delta) + R"(,"reason":"counted","reference":")" +
                wish.key + R"(","force":)" + (random.chance(20) ? "true}" : "false}");
    if (random.chance(10))
      wish.body.insert(1, R"("expected_on_hand":)" + std::to_string(random.between(5, 15)) + ",");
    if (has_office_ && random.chance(50))
      wish.body.insert(1, R"("location":")" + random.pick(locations_) + R"(",)");
    return;
  }
  if (wish.deed == Deed::price) return write_price(wish, random);
  if (wish.deed == Deed::nonsense) return write_nonsense(wish, random);
  if (wish.deed == Deed::limit) {
    wish.method = "PATCH";
    wish.path = "/v1/inventory/" + random.pick(skus_);
    wish.body = R"({"backorder_limit":)" + std::to_string(random.between(0, 3)) + "}";
    return;
  }
  if (wish.deed >= Deed::location) return write_office(wish, random);
  write_change(wish, random);
}

void Clients::write_order(Wish& wish, Random& random) {
  wish.path = "/v1/orders";
  std::string lines;
  const bool is_free = random.chance(5);
  for (auto count = random.between(1, 3); count > 0; --count) {
    const auto& sku = random.pick(skus_);
    Wish::Line line{sku, random.between(1, 4), 0};
    const bool is_own = !is_free && random.chance(10);
    if (is_own) line.price = random.between(1, 5'000);
    lines += lines.empty() ? "" : ",";
    lines += R"({"sku":")" + sku + R"(","quantity":)" + std::to_string(line.quantity);
    if (is_own || is_free) lines += R"(,"unit_price":)" + money(line.price);
    lines += "}";
    wish.lines.push_back(std::move(line));
  }
  wish.has_phone = random.chance(30);
  wish.waits = random.chance(20);
  const std::string mail = "buyer" + std::to_string(random.between(1, 3)) + "@example.com";
  wish.body = R"({"currency":"GBP","customer":{"email":")" + mail + R"(","name":")" +
              (random.chance(80) ? "A Buyer" : R"(O'Buyer & <Sons> \"Ltd\")") + "\"";
  if (wish.has_phone) wish.body += R"(,"phone":"+44 20 7946 0000")";
  if (random.chance(40)) wish.body += R"(,"external_id":"customer of )" + mail + R"(")";
  static constexpr std::array<std::string_view, 5> languages{"en", "de", "de-AT", "fr-CA", "x-y"};
  if (random.chance(30))
    wish.body += R"(,"language":")" + std::string(random.pick(languages)) + R"(")";
  wish.body += R"(},"lines":[)" + lines + R"(],"metadata":{"key":")" + wish.key +
               R"("},"payment":{"provider":"simulator","token":")" +
               std::string(random.pick(tokens)) + R"(","capture":")" +
               (random.chance(35) ? "manual" : "automatic") + R"("})";
  if (random.chance(10))
    wish.body += R"(,"external_id":"ext-)" + std::to_string(random.between(1, 2)) + "\"";
  if (random.chance(5))
    wish.body += R"(,"display_number":")" + std::to_string(random.between(1, 3)) + "\"";
  if (random.chance(30))
    wish.body +=
        R"(,"shipping_address":{"name":"A Buyer","line1":"1 High Street","city":"Leeds","country":"GB"})";
  wish.body += "}";
}

void Clients::write_price(Wish& wish, Random& random) {
  const auto at = static_cast<std::size_t>(random.next() % skus_of_image.size());
  const auto& sku = skus_of_image[at].first;
  const auto price = random.between(100, 9'999);
  prices_.emplace(sku, price);
  wish.method = "PATCH";
  wish.path = "/v1/products/" + product_ids_[at];
  wish.body = R"({"variants":[{"sku":")" + sku + R"(","prices":[)" + money(price) + "]}]}";
}

void Clients::write_nonsense(Wish& wish, Random& random) {
  auto [method, path, body] = draw_nonsense(random);
  const auto put_for = [&path](std::string_view mark, const std::string& text) {
    if (const auto at = path.find(mark); at != path.npos) path.replace(at, mark.size(), text);
  };
  put_for("{order}",
          placed_.empty() ? "ord_00000000000000000000000000" : random.pick(placed_)->order_id);
  put_for("{product}", product_ids_.front());
  wish.method = std::move(method);
  wish.path = std::move(path);
  wish.body = std::move(body);
}

void Clients::write_change(Wish& wish, Random& random) {
  const auto& order = *random.pick(placed_);
  wish.order_id = order.order_id;
  wish.path = "/v1/orders/" + order.order_id;
  switch (wish.deed) {
    case Deed::place_again_otherwise:
      wish.path = "/v1/orders";
      wish.key = order.key;
      wish.body = order.body;
      wish.body.insert(1, " ");
      return;
    case Deed::cancel:
      wish.path += "/cancel";
      wish.body = R"({"reason":")" + wish.key + R"("})";
      return;
    case Deed::capture:
      wish.path += "/capture";
      return;
    case Deed::fulfil:
      wish.path += "/fulfilments";
      wish.body =
          R"({"tracking":{"url":"https://example.com/parcel","number":")" + wish.key + R"("})";
      if (random.chance(50)) wish.body += R"(,"lines":)" + units(random, order, false);
      wish.body += "}";
      return;
    case Deed::give_back:
      wish.path += "/returns";
      wish.body = R"({"reason":")" + wish.key + R"(","lines":)" + units(random, order, true) + "}";
      return;
    case Deed::refund: {
      std::int64_t total = 0;
      for (const auto& line : order.lines)
        total += line.quantity * (line.price > 0 ? line.price : 1'000);
      wish.amount = random.chance(30) ? std::max<std::int64_t>(total, 1)
                                      : random.between(1, std::max<std::int64_t>(total, 1));
      wish.path += "/refunds";
      wish.body = R"({"reason":")" + wish.key + R"(","amount":)" + money(wish.amount) + "}";
      return;
    }
    case Deed::retry:
      wish.path = "/v1/processes/" + order.order_id + "/retry";
      return;
    default:
      return;
  }
}

void Clients::send(Wish& wish) {
  const auto is_over = std::make_shared<bool>(false);
  ++wish.tries;
  network_(request_of(wish), [this, &wish, is_over](const http::Response& response) {
    if (*is_over) return;
    *is_over = true;
    answered(wish, response);
  });
  const auto patience = std::chrono::milliseconds(world_.random.between(200, 4'000));
  world_.after(patience, [this, &wish, is_over] {
    if (*is_over) return;
    *is_over = true;
    if (wish.tries < tries_max || world_.is_quiet) return send(wish);
    --open_;
    world_.trace(wish.key + " gives up");
  });
}

void Clients::answered(Wish& wish, const http::Response& response) {
  world_.trace(wish.key + " is told " + std::to_string(response.status) + " " +
               (is_yes(response.status) ? "" : response.body));
  if (is_unclear(response.status)) {
    world_.after(std::chrono::milliseconds(world_.random.between(50, 2'000)),
                 [this, &wish] { send(wish); });
    return;
  }
  --open_;
  wish.status = response.status;
  wish.told = response.body;
  if (wish.deed == Deed::place_again_otherwise && response.status != 422)
    world_.found("I2: another body under the key " + wish.key + " was answered " +
                 std::to_string(response.status));
  if (wish.deed == Deed::nonsense && response.status < 400)
    world_.found("nonsense was taken: " + wish.path + " " + wish.body);
  if (!is_yes(response.status)) return;
  remember(wish, response);
  if (!wish.order_id.empty()) read_back(wish, response);
}

void Clients::remember(Wish& wish, const http::Response& response) {
  const auto told_id = [&] {
    const auto location = header_of(response, "Location");
    return location.substr(location.rfind('/') + 1);
  };
  if (wish.deed == Deed::place) {
    wish.order_id = told_id();
    placed_.push_back(&wish);
  }
  if (wish.deed == Deed::open_count) {
    wish.count_id = told_id();
    counts_.push_back(&wish);
  }
  if (wish.deed == Deed::product && wish.method == "POST") product_ids_.push_back(told_id());
}

/// I9: who was told that it is so can read that it is so.
void Clients::read_back(const Wish& wish, const http::Response& response) {
  const auto found = ask_(get_request("/v1/orders/" + wish.order_id));
  if (!found || found->status == 503) return;
  const auto revision = [](const http::Response& of) {
    const auto tag = header_of(of, "ETag");
    return tag.size() < 3 ? 0 : std::stoll(tag.substr(1, tag.size() - 2));
  };
  if (found->status != 200)
    world_.found("I1, I9: order " + wish.order_id + " was acknowledged to " + wish.key +
                 " and is answered " + std::to_string(found->status));
  else if (revision(*found) < revision(response))
    world_.found("I9: order " + wish.order_id + " is read at an older revision than " + wish.key +
                 " was told");
}

void Clients::retry(const std::string& order_id) {
  Wish wish;
  wish.path = "/v1/processes/" + order_id + "/retry";
  wish.key = "operator-" + order_id + "-" + to_rfc3339(world_.true_now());
  network_(request_of(wish), [](const http::Response&) {});
}

}  // namespace stoa::simulation
