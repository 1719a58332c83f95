#include "main/demo.hpp"

#include <boost/json/serialize.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "kernel/base/text.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/json/value.hpp"
#include "platform/beast/http_client.hpp"

namespace stoa {
namespace {

struct Group {
  const char* category;
  const char* option;
  std::vector<const char*> values;
  std::vector<const char*> titles;
  std::int64_t price;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> all{
      {"Kitchen",
       "Colour",
       {"White", "Blue"},
       {"Stoneware mug", "Soup bowl", "Dinner plate", "Milk jug", "Salt cellar", "Tea pot",
        "Egg cup", "Bread board", "Butter dish", "Serving spoon", "Linen napkin", "Apron"},
       1400},
      {"Garden",
       "Size",
       {"Small", "Large"},
       {"Clay pot", "Hand trowel", "Watering can", "Seed tray", "Plant label", "Garden twine",
        "Bird house", "Lantern", "Door mat", "Kneeling pad", "Pruning shears", "Herb planter"},
       1850},
      {"Clothing",
       "Size",
       {"S", "M", "L"},
       {"Wool scarf", "Cotton shirt", "Rain jacket", "Knitted hat", "Walking socks", "Linen dress",
        "Denim apron", "Leather belt", "Flannel pyjamas", "Canvas shoes", "Gloves", "Cardigan"},
       3900},
      {"Stationery",
       "Paper",
       {"Plain", "Lined"},
       {"Notebook", "Sketch pad", "Letter set", "Desk diary", "Index cards", "Wall calendar",
        "Gift wrap", "Birthday card", "Postcard set", "Address book", "Memo block", "Folder"},
       750},
      {"Home",
       "Scent",
       {"Lavender", "Cedar"},
       {"Candle", "Soap bar", "Room spray", "Drawer sachet", "Bath salt", "Hand cream", "Wax melt",
        "Linen water", "Incense", "Pillow mist", "Body oil", "Match box"},
       1100},
  };
  return all;
}

std::string slug(std::string_view title) {
  auto text = ascii_lower(title);
  for (char& c : text)
    if (c == ' ') c = '-';
  return text;
}

class DemoFiller {
 public:
  DemoFiller(const std::string& host, std::uint16_t port, const std::string& key)
      : client_(host, port, std::chrono::seconds(60)), key_(key) {}

  Result<void> fill() {
    const auto products = send("GET", "/v1/products?limit=1", {});
    if (!products) return fail(products.error());
    if (!products->at("data").as_array().empty())
      return stoa::fail(ErrorKind::conflict, "shop_not_empty",
                        "The demonstration needs an empty shop: this one has products.");
    for (const auto& group : groups())
      if (auto added = add_group(group); !added) return added;
    return add_orders();
  }

 private:
  Result<json::Value> send(const std::string& method, const std::string& path,
                           const json::Value& body) {
    beast::Headers headers{{"Authorization", "Bearer " + key_},
                           {"Idempotency-Key", "demo-" + std::to_string(++sent_)},
                           {"Prefer", "wait=30"}};
    std::string text;
    if (!body.is_null()) {
      text = boost::json::serialize(body);
      headers.emplace_back("Content-Type", "application/json");
    }
    const auto answer = client_.send(method, path, headers, text);
    if (!answer) return stoa::fail(answer.error());
    if (answer->status >= 300)
      return stoa::fail(ErrorKind::internal, "demo_failed",
                        "The demonstration could not " + method + " " + path + ": " + answer->body);
    return json::parse(answer->body);
  }

  Result<void> add_group(const Group& group) {
    const auto category = send("POST", "/v1/categories",
                               {{"name", group.category}, {"handle", slug(group.category)}});
    if (!category) return fail(category.error());
    auto price = group.price;
    for (const auto* title : group.titles) {
      json::Array values;
      json::Array variants;
      for (const auto* value : group.values) {
        values.emplace_back(value);
        variants.push_back(
            {{"sku", sku(title, value)},
             {"options", json::Array{value}},
             {"prices", json::Array{{{"amount", price}, {"currency", "GBP"}},
                                    {{"amount", price * 6 / 5}, {"currency", "EUR"}}}}});
      }
      const auto handle = slug(title);
      const auto product = send(
          "POST", "/v1/products",
          {{"handle", handle},
           {"title", title},
           {"status", "active"},
           {"type", group.category},
           {"vendor", "Stoa demonstration"},
           {"description_html", std::string("<p>A ") + title + " of the demonstration shop.</p>"},
           {"category_ids", json::Array{category->at("id")}},
           {"options", json::Array{{{"name", group.option}, {"values", values}}}},
           {"images", json::Array{{{"url", "/demo/pictures/" + handle + ".svg"}, {"alt", title}}}},
           {"variants", variants}});
      if (!product) return fail(product.error());
      for (const auto* value : group.values) {
        const auto adjusted =
            send("POST", "/v1/inventory/" + percent_encode(sku(title, value)) + "/adjustments",
                 {{"delta", 40}, {"reason", "received"}});
        if (!adjusted) return fail(adjusted.error());
      }
      price += 130;
    }
    return {};
  }

  /// Again for a while: in a fleet Ordering hears of a product a moment after Catalog has it.
  Result<json::Value> order(const char* token, std::int64_t quantity, const char* capture) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      auto placed = place(token, quantity, capture);
      const bool is_unknown =
          !placed && placed.error().detail.find("unknown_sku") != std::string::npos;
      if (!is_unknown || std::chrono::steady_clock::now() > until) return placed;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  Result<json::Value> place(const char* token, std::int64_t quantity, const char* capture) {
    return send(
        "POST", "/v1/orders",
        {{"currency", "GBP"},
         {"customer", {{"email", "ada@example.org"}, {"name", "Ada Example"}}},
         {"lines", json::Array{{{"sku", sku("Stoneware mug", "Blue")}, {"quantity", quantity}}}},
         {"shipping_address", {{"line1", "1 High Street"}, {"city", "Leeds"}, {"country", "GB"}}},
         {"payment", {{"provider", "simulator"}, {"token", token}, {"capture", capture}}}});
  }

  /// One order in every state that an order can rest in.
  Result<void> add_orders() {
    for (const auto* token : {"tok_ok", "tok_declined", "tok_fraud"})
      if (const auto placed = order(token, 1, "automatic"); !placed) return fail(placed.error());
    if (const auto held = order("tok_ok", 1, "manual"); !held) return fail(held.error());
    if (const auto large = order("tok_ok", 1000, "automatic"); !large) return fail(large.error());
    for (const auto* next : {"cancel", "fulfilments", "part", "returns"}) {
      const auto placed = order("tok_ok", 3, "automatic");
      if (!placed) return fail(placed.error());
      const std::string path = "/v1/orders/" + std::string(placed->at("id").as_string());
      const json::Array lines{{{"line_id", placed->at("lines").at(0).at("id")}, {"quantity", 1}}};
      const std::string what = next;
      const json::Value partly = json::Object{{"lines", lines}};
      const json::Value whole = json::Object{};
      auto done = what == "cancel"
                      ? send("POST", path + "/cancel", whole)
                      : send("POST", path + "/fulfilments", what == "part" ? partly : whole);
      if (done && what == "returns") done = send("POST", path + "/returns", partly);
      if (!done) return fail(done.error());
    }
    return {};
  }

  static std::string sku(std::string_view title, std::string_view value) {
    return slug(title) + "-" + slug(value);
  }
  static std::unexpected<Error> fail(const Error& error) { return std::unexpected(error); }

  beast::HttpClient client_;
  std::string key_;
  int sent_ = 0;
};

/// A plate in a colour of the name, with its first letter.
std::string picture(const std::string& name) {
  const auto hue = std::to_string(std::hash<std::string>{}(name) % 360);
  const char letter = name.empty() ? '?' : name.front();
  const bool plain = letter >= 'a' && letter <= 'z';
  return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 400 400'><rect width='400' "
         "height='400' fill='hsl(" +
         hue +
         ",45%,88%)'/><circle cx='200' cy='200' r='120' "
         "fill='hsl(" +
         hue +
         ",50%,55%)'/><text x='200' y='245' font-family='serif' "
         "font-size='130' text-anchor='middle' fill='#fff'>" +
         std::string(1, plain ? static_cast<char>(letter - 'a' + 'A') : '?') + "</text></svg>";
}

}  // namespace

void add_demo_pictures(http::Router& router) {
  router.add({"GET", "/demo/pictures/{name}", http::Access::open,
              "A picture of the demonstration, drawn from the name", "Demonstration",
              [](const http::RequestPtr& request, const http::Reply& reply) {
                reply({200, picture(request->param("name")), "image/svg+xml", {}});
              }});
}

Result<void> fill_demo_shop(const std::string& host, std::uint16_t port, const std::string& key) {
  return DemoFiller(host, port, key).fill();
}

}  // namespace stoa
