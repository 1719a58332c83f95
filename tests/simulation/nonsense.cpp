#include "simulation/clients.hpp"

namespace stoa::simulation {
namespace {

std::vector<Nonsense> all_nonsense() {
  const std::string customer = R"("customer":{"email":"buyer@example.com"})";
  const std::string pays = R"("payment":{"provider":"simulator","token":"tok_ok"})";
  std::vector<Nonsense> all{
      {"POST", "/v1/orders",
       R"({"currency":"GBP",)" + customer + "," + pays +
           R"(,"lines":[{"sku":"NOTHING","quantity":1}]})"},
      {"POST", "/v1/orders",
       R"({"currency":"EUR",)" + customer + "," + pays +
           R"(,"lines":[{"sku":"MUG","quantity":1}]})"},
      {"POST", "/v1/orders",
       R"({"currency":"GBP",)" + customer + R"(,"lines":[{"sku":"MUG","quantity":1}]})"},
      {"POST", "/v1/orders/ord_00000000000000000000000000/cancel", ""},
      {"POST", "/v1/orders/{order}/refunds", R"({"amount":{"amount":1,"currency":"EUR"}})"},
      {"POST", "/v1/orders/{order}/fulfilments", R"({"lines":[{"line_id":"none","quantity":1}]})"},
      {"POST", "/v1/inventory/MUG/adjustments",
       R"({"delta":1,"reason":"counted","expected_on_hand":-7})"},
      {"POST", "/v1/inventory/MUG/adjustments",
       R"({"delta":1,"reason":"counted","location":"nowhere"})"},
      {"POST", "/v1/inventory/NOTHING/adjustments", R"({"delta":1,"reason":"counted"})"},
      {"PATCH", "/v1/inventory/NOTHING", R"({"backorder_limit":1})"},
      {"POST", "/v1/inventory/MUG/adjustments",
       R"({"delta":1000000000001,"reason":"counted","force":true})"},
      {"POST", "/v1/locations", R"({"code":"main"})"},
      {"PATCH", "/v1/locations/main", R"({"active":false})"},
      {"PATCH", "/v1/locations/nowhere", R"({"priority":1})"},
      {"POST", "/v1/inventory/transfers",
       R"({"from":"main","to":"main","reason":"moved","lines":[{"sku":"MUG","quantity":1}]})"},
      {"POST", "/v1/inventory/transfers",
       R"({"from":"main","to":"nowhere","reason":"moved","lines":[{"sku":"MUG","quantity":1}]})"},
      {"POST", "/v1/inventory/transfers",
       R"({"from":"main","to":"annex","reason":"moved","lines":[{"sku":"MUG","quantity":1},)"
       R"({"sku":"MUG","quantity":1},{"sku":"NOTHING","quantity":1}]})"},
      {"POST", "/v1/inventory/transfers",
       R"({"from":"main","to":"annex","reason":"moved","lines":[{"sku":"MUG","quantity":9999}]})"},
      {"POST", "/v1/inventory/counts", R"({"location":"nowhere","scope":"location"})"},
      {"POST", "/v1/inventory/counts",
       R"({"lines":[{"sku":"MUG"},{"sku":"MUG"},{"sku":"NOTHING","counted":1}]})"},
      {"POST", "/v1/inventory/counts/cnt_00000000000000000000000000/apply", ""},
      {"POST", "/v1/products", "{}"},
      {"POST", "/v1/products",
       R"({"title":"X","handle":"Not A Handle","category_ids":["cat_00000000000000000000000000",)"
       R"("cat_00000000000000000000000000"],"options":[{"name":"Size","values":["S","S"]},)"
       R"({"name":"Size","values":["a"]}],"variants":[{"sku":"A","options":["S"]},{"sku":"A",)"
       R"("options":["Q","a"],"prices":[{"amount":1,"currency":"GBP"},{"amount":2,"currency":)"
       R"("GBP"}]},{"sku":"B","options":["Q","a"]}],"images":[{"url":"https://example.com/a",)"
       R"("variant_sku":"C"}]})"},
      {"PATCH", "/v1/products/{product}", R"({"handle":"prod_00000000000000000000000000"})"},
      {"PATCH", "/v1/shop", "[]"},
      {"PATCH", "/v1/shop", R"({"currencies":["GBP","GBP"],"time_zone":"Nowhere"})"},
      {"PATCH", "/v1/shop",
       R"({"languages":["en","EN","e","a-b","en--b","x-","1-a","de-a-aa-a"]})"},
      {"PATCH", "/v1/shop", R"({"languages":["en","EN"]})"},
      {"PATCH", "/v1/shop", R"({"languages":["en-a-b","en-a-aa-a-bb","x-","ab-cd-ef"]})"},
      {"PATCH", "/v1/shop", R"({"languages":["en-a","en-x","toolonglanguage"]})"},
      {"POST", "/v1/notifications/ntf_00000000000000000000000000/replay", ""},
  };
  for (const auto* pattern : {"{seq", "{nothing}", "{yy:2}", "{seq:99}", "{seq:x}", "{yyyy}",
                              "{seq}{seq}", "{seq}{check}{check}", "!{seq}",
                              "{seq}{prefix}{prefix}{prefix}{prefix}{prefix}{prefix}{prefix}"})
    all.push_back({"PATCH", "/v1/shop",
                   R"({"order_numbers":{"prefix":"A-LONG-PREFIX","pattern":")" +
                       std::string(pattern) + R"("}})"});
  all.push_back({"PATCH", "/v1/shop", R"({"order_numbers":{"prefix":"! !"}})"});
  const std::string templates = "/v1/notifications/templates/";
  for (const auto* text :
       {"{{#lines}}", "{{lines}}", "{{nothing}}", "{{{total}}}", "{{/lines}}", "{{ No Name }}",
        "{{total", "{{#reason}}{{/total}}",
        "{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}"
        "{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}{{#total}}"})
    all.push_back({"PUT", templates + "order_confirmed/email/en",
                   R"({"subject":"{{total}}","text":"A line\n)" + std::string(text) + R"("})"});
  all.push_back({"PUT", templates + "order_confirmed/email/en", R"({"text":"Without a subject"})"});
  all.push_back({"PUT", templates + "order_confirmed/sms/en",
                 R"({"subject":"None","text":"A text","html":"<p>None</p>"})"});
  all.push_back({"PUT", templates + "order_rejected/sms/en", R"({"text":"By mail alone"})"});
  all.push_back({"PUT", templates + "order_rejected/email/1", R"({"subject":"A","text":"B"})"});
  return all;
}

}  // namespace

Nonsense draw_nonsense(Random& random) {
  static const auto all = all_nonsense();
  return random.pick(all);
}

}  // namespace stoa::simulation
