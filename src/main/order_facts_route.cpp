#include "main/order_facts_route.hpp"

#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "platform/curl/http_client.hpp"
#include "services/ordering/module.hpp"

namespace stoa {
namespace {

using ordering::contracts::OrderFacts;

constexpr std::string_view path = "/internal/order-facts";

struct FactsPage {
  static constexpr std::string_view schema_name = "OrderFactsPage";
  std::vector<OrderFacts> data;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &FactsPage::data)};
  }
};

std::vector<std::string> split(std::string_view ids) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < ids.size();) {
    const auto comma = std::min(ids.find(',', at), ids.size());
    if (comma > at) parts.emplace_back(ids.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

class RemoteOrderSource final : public notification::OrderSource {
 public:
  RemoteOrderSource(std::string url, std::string secret_key,
                    std::function<bool(std::function<void()>)> run)
      : url_(std::move(url)),
        key_(std::move(secret_key)),
        run_(std::move(run)),
        client_(curl::make_http_client({})) {}

  void read(std::vector<std::string> order_ids,
            std::function<void(std::optional<Found>)> then) override {
    const bool taken = run_([this, ids = std::move(order_ids), then] { then(ask(ids)); });
    if (!taken) then(std::nullopt);
  }

 private:
  [[nodiscard]] std::optional<Found> ask(const std::vector<std::string>& ids) const {
    std::string list;
    for (const auto& id : ids) list.append(list.empty() ? "" : ",").append(id);
    const auto answer = client_->send({.url = url_ + std::string(path) + "?ids=" + list,
                                       .headers = {{"Authorization", "Bearer " + key_}}});
    if (!answer || answer->status != 200) return std::nullopt;
    auto page = json::read_stored<FactsPage>(answer->body);
    if (!page) return std::nullopt;
    Found found;
    for (auto& facts : page->data) {
      auto id = facts.order_id;
      found.emplace(std::move(id), std::move(facts));
    }
    return found;
  }

  std::string url_, key_;
  std::function<bool(std::function<void()>)> run_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace

void add_order_facts_route(http::Router& router, Readers& readers, const Crypto& crypto) {
  router.add({.method = "GET",
              .path = std::string(path),
              .access = http::Access::secret,
              .summary = "What messages may tell of orders, for other processes of a fleet",
              .tag = "Internal",
              .handler =
                  [&readers, &crypto](const http::RequestPtr& request, const http::Reply& reply) {
                    http::Query query(*request);
                    const auto ids = split(query.text("ids").value_or(""));
                    if (const auto good = query.finish(); !good)
                      return reply(http::problem(good.error(), *request));
                    http::answer_from_store(readers, request, reply, [ids, &crypto](Store store) {
                      FactsPage page;
                      for (const auto& id : ids)
                        if (auto facts = ordering::order_facts(store, crypto, id))
                          page.data.push_back(std::move(*facts));
                      return http::json_response(200, json::to_json(page));
                    });
                  },
              .answer = http::schema_of<FactsPage>(),
              .query = {{"ids", "Of orders, separated by commas"}},
              .rate_limited = false,
              .holds_secrets = true});
}

std::unique_ptr<notification::OrderSource> make_remote_order_source(
    std::string url, std::string secret_key, std::function<bool(std::function<void()>)> run) {
  return std::make_unique<RemoteOrderSource>(std::move(url), std::move(secret_key), std::move(run));
}

}  // namespace stoa
