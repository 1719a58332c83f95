#include <array>

#include "kernel/json/codec.hpp"
#include "simulation/clients.hpp"

/// What the back office asks for: locations, transfers, counts, settings, templates, products, and
/// messages that are sent again.
namespace stoa::simulation {
namespace {

std::string json_text(std::string_view text) { return '"' + std::string(text) + '"'; }

/// Some of the SKUs, each once.
template <class Write>
std::string some_of(Random& random, const std::vector<std::string>& skus, const Write& write) {
  std::string list;
  for (const auto& sku : skus) {
    if (random.chance(50)) continue;
    list += list.empty() ? "" : ",";
    list += write(sku);
  }
  return "[" + (list.empty() ? write(random.pick(skus)) : list) + "]";
}

std::string counted_lines(Random& random, const std::vector<std::string>& skus, int percent_open) {
  return some_of(random, skus, [&](const std::string& sku) {
    return R"({"sku":)" + json_text(sku) + R"(,"counted":)" +
           (random.chance(percent_open) ? "null" : std::to_string(random.between(0, 14))) + "}";
  });
}

}  // namespace

void Clients::write_office(Wish& wish, Random& random) {
  switch (wish.deed) {
    case Deed::location:
      return write_location(wish, random);
    case Deed::transfer:
      return write_transfer(wish, random);
    case Deed::settings:
      return write_settings(wish, random);
    case Deed::message_template:
      return write_template(wish, random);
    case Deed::product:
      return write_product(wish, random);
    case Deed::replay:
      return write_replay(wish, random);
    default:
      return write_count(wish, random);
  }
}

void Clients::write_location(Wish& wish, Random& random) {
  static constexpr std::array<std::string_view, 4> codes{"shop", "van", "annex", "main"};
  const std::string code(random.pick(codes));
  const auto flag = [&random] { return random.chance(60) ? "true" : "false"; };
  wish.body = R"("priority":)" + std::to_string(random.between(1, 200)) + R"(,"name":")" +
              wish.key + R"(","fulfils_online":)" + flag();
  if (std::ranges::find(locations_, code) == locations_.end()) {
    locations_.push_back(code);
    wish.path = "/v1/locations";
    wish.body = R"({"code":")" + code + "\"," + wish.body + "}";
    return;
  }
  wish.method = "PATCH";
  wish.path = "/v1/locations/" + code;
  wish.body = "{" + wish.body;
  if (random.chance(60)) wish.body += R"(,"active":)" + std::string(flag());
  wish.body += "}";
  if (random.chance(20)) wish.if_match = "\"1\"";
}

void Clients::write_transfer(Wish& wish, Random& random) {
  wish.path = "/v1/inventory/transfers";
  const auto from = random.pick(locations_);
  auto to = random.pick(locations_);
  if (to == from) to = from == locations_.front() ? locations_.back() : locations_.front();
  wish.body = R"({"from":)" + json_text(from) + R"(,"to":)" + json_text(to) + R"(,"reason":)" +
              json_text(wish.key) + (random.chance(20) ? R"(,"external_id":"twice")" : "") +
              R"(,"lines":)" +
              some_of(random, skus_,
                      [&random](const std::string& sku) {
                        return R"({"sku":)" + json_text(sku) + R"(,"quantity":)" +
                               std::to_string(random.between(1, random.chance(70) ? 2 : 8)) + "}";
                      }) +
              "}";
}

void Clients::write_count(Wish& wish, Random& random) {
  wish.path = "/v1/inventory/counts";
  if (wish.deed == Deed::open_count) {
    wish.body = R"({"note":)" + json_text(wish.key) + R"(,"location":)" +
                json_text(random.pick(locations_)) +
                (random.chance(40) ? R"(,"scope":"location")"
                                   : R"(,"lines":)" + counted_lines(random, skus_, 20)) +
                "}";
    return;
  }
  wish.count_id = random.pick(counts_)->count_id;
  wish.path += "/" + wish.count_id;
  if (wish.deed == Deed::amend_count) {
    wish.method = "PATCH";
    wish.body = R"({"lines":)" + counted_lines(random, skus_, 5);
    if (random.chance(40))
      wish.body +=
          R"(,"remove":)" + some_of(random, skus_, [](const auto& s) { return json_text(s); });
    wish.body += "}";
    if (random.chance(20)) wish.if_match = "\"1\"";
    return;
  }
  wish.path += wish.deed == Deed::apply_count ? "/apply" : "/cancel";
  if (wish.deed == Deed::apply_count && random.chance(60))
    wish.body = random.chance(50) ? R"({"force":true})" : R"({"force":false})";
}

void Clients::write_settings(Wish& wish, Random& random) {
  static constexpr std::array<std::string_view, 6> patterns{
      "{seq}",        "{prefix}{yyyy}-{seq:4}", "{yy}{mm}{dd}-{seq}{check}",
      "{yyyy}.{seq}", "{prefix}-{seq:3}",       "{yyyy}/{mm}/{prefix}{check}{seq}"};
  static constexpr std::array<std::string_view, 4> languages{
      R"(["en"])", R"(["en-GB","de-AT","x-own"])", R"(["zh-cmn-Hans-CN","sl-rozaj-biske"])",
      R"(["de-1901-a-more-x-own","german"])"};
  wish.method = "PATCH";
  wish.path = "/v1/shop";
  switch (random.between(0, 7)) {
    case 0:
    case 1:
    case 2:
      wish.body = random.chance(70) ? R"({"allocation":"fewest_locations"})"
                                    : R"({"allocation":"priority"})";
      return;
    case 3:
    case 4:
      wish.body = R"({"deadlines":{"payment_seconds":)" + std::to_string(random.between(2, 90)) +
                  R"(,"capture_seconds":)" + std::to_string(random.between(5, 300)) + "}}";
      return;
    case 5:
      wish.body =
          R"({"order_numbers":{"prefix":"UK","pattern":)" + json_text(random.pick(patterns)) + "}}";
      return;
    case 6:
      wish.body = R"({"time_zone":"Europe/London","currencies":["GBP"],"languages":)" +
                  std::string(random.pick(languages)) + R"(,"name":)" + json_text(wish.key) + "}";
      return;
    default:
      wish.body = R"({"name":null,"deadlines":null,"order_numbers":null})";
  }
}

void Clients::write_template(Wish& wish, Random& random) {
  static constexpr std::array<std::string_view, 7> kinds{
      "order_confirmed", "order_confirmed", "order_rejected", "order_shipped",
      "order_refunded",  "order_cancelled", "return_received"};
  static constexpr std::array<std::string_view, 3> languages{"en", "de", "fr-CA"};
  const std::string kind(random.pick(kinds));
  const bool is_sms = (kind == "order_confirmed" || kind == "order_shipped") && random.chance(40);
  wish.path = "/v1/notifications/templates/" + kind + (is_sms ? "/sms/" : "/email/") +
              std::string(random.pick(languages));
  if (random.chance(25)) {
    wish.path += "/preview";
    return;
  }
  wish.method = random.chance(70) ? "PUT" : "DELETE";
  if (wish.method == "DELETE") return;
  // A few texts, so that what stands there already is put there again.
  const auto mark = std::to_string(random.between(1, 2));
  wish.body =
      R"({"text":")" + mark +
      R"( {{order_number}}: {{total}}{{! a remark }}\r\n{{#lines}}\r\n{{quantity}} {{title}})" +
      R"( of {{order_number}}\n{{/lines}}\n{{^reason}}{{#carrier}}{{tracking_number}}{{/carrier}})" +
      R"({{/reason}}{{#units}}{{sku}}{{/units}}")";
  if (!is_sms)
    wish.body += R"(,"subject":"{{shop_name}} for {{customer_name}}","html":")" +
                 std::string(R"(<p>{{customer_name}}</p>{{#payment_failed}}!{{/payment_failed}}")");
  wish.body += "}";
}

void Clients::write_product(Wish& wish, Random& random) {
  if (product_ids_.size() > skus_of_image.size() && random.chance(50)) {
    static constexpr std::array<std::string_view, 3> changes{
        R"({"status":"archived"})", R"({"status":"active","vendor":"Stoa"})",
        R"({"handle":"a-handle","status":"draft"})"};
    wish.method = "PATCH";
    wish.path = "/v1/products/" + product_ids_.back();
    wish.body = random.pick(changes);
    if (random.chance(30))  // the other size is sold no more
      wish.body =
          R"({"variants":[{"sku":)" + json_text(skus_[skus_.size() - 2]) + R"(,"options":["S"]}]})";
    return;
  }
  wish.path = "/v1/products";
  wish.body =
      R"({"title":"It's New!","status":"active","images":[{"url":"https://example.com/a"}],)"
      R"("options":[{"name":"Size","values":["S","L"]}],"variants":[)";
  for (const auto* size : {"S", "L"}) {
    const auto sku = wish.key + "-" + size;
    const auto price = random.between(100, 9'999);
    prices_.emplace(sku, price);
    skus_.push_back(sku);
    wish.body += R"({"sku":)" + json_text(sku) + R"(,"options":[)" + json_text(size) +
                 R"(],"prices":[)" + money(price) + "]}" + (*size == 'S' ? "," : "]}");
  }
}

void Clients::write_replay(Wish& wish, Random& random) {
  std::string id = "ntf_00000000000000000000000000";
  auto list = get_request("/v1/notifications");
  list.query = random.chance(50) ? "filter[status]=mailbox" : "filter[status]=dead_letter";
  if (random.chance(10)) list.query = "limit=5";
  const auto found = ask_(std::move(list));
  const auto page =
      found && found->status == 200 ? json::parse(found->body) : Result<json::Value>();
  if (page && page->is_object()) {
    const auto& rows = page->as_object().at("data").as_array();
    if (!rows.empty()) id = random.pick(rows).as_object().at("id").as_string().c_str();
  }
  wish.path = "/v1/notifications/" + id + "/replay";
}

}  // namespace stoa::simulation
