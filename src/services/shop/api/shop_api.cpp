#include "services/shop/api/shop_api.hpp"

#include "kernel/base/text.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"

namespace stoa::shop {
namespace {

using http::Reply;
using http::RequestPtr;
using http::Response;

/// What every buyer may know.
struct PublicView {
  std::optional<std::string> name;
  std::vector<Currency> currencies;
  std::vector<std::string> languages;
  std::string time_zone;
  static constexpr auto fields() {
    using namespace json;
    using V = PublicView;
    return std::tuple{field("name", &V::name), field("currencies", &V::currencies),
                      field("languages", &V::languages), field("time_zone", &V::time_zone)};
  }
};

struct ShopView {
  static constexpr std::string_view schema_name = "Shop";
  std::optional<std::string> name;
  std::vector<Currency> currencies;
  std::vector<std::string> languages;
  std::string time_zone;
  Addresses addresses;
  Deadlines deadlines;
  Allocation allocation = Allocation::priority;
  OrderNumbers order_numbers;
  std::int64_t revision = 0;
  std::optional<Timestamp> updated_at;
  static constexpr auto fields() {
    using namespace json;
    using V = ShopView;
    return std::tuple{field("name", &V::name),
                      field("currencies", &V::currencies, Items{0, 200}),
                      field("languages", &V::languages, Items{1, 50}),
                      field("time_zone", &V::time_zone),
                      field("addresses", &V::addresses),
                      field("deadlines", &V::deadlines, Unbounded{}, "As they are in force"),
                      field("allocation", &V::allocation),
                      field("order_numbers", &V::order_numbers),
                      field("revision", &V::revision),
                      field("updated_at", &V::updated_at)};
  }
};

Response shown(const CurrentSettings& current, InitialDeadlines initial, bool to_merchant) {
  const auto& s = current.settings;
  const Deadlines in_force{s.deadlines.payment_seconds.value_or(initial.payment_seconds),
                           s.deadlines.capture_seconds.value_or(initial.capture_seconds)};
  auto body = to_merchant
                  ? json::to_json(ShopView{s.name, s.currencies, s.languages, s.time_zone,
                                           s.addresses, in_force, s.allocation, s.order_numbers,
                                           current.revision, current.updated_at})
                  : json::to_json(PublicView{s.name, s.currencies, s.languages, s.time_zone});
  auto response = http::json_response(200, std::move(body));
  response.headers.emplace_back("ETag", "\"" + std::to_string(current.revision) + "\"");
  return response;
}

Result<json::Value> patch_of(const http::Request& request) {
  const auto type = request.header("content-type");
  const bool merge =
      ascii_iequals(trim(type.substr(0, type.find(';'))), "application/merge-patch+json");
  if (auto json = http::require_json(request); !json && !merge) return fail(json.error());
  return json::parse(request.body);
}

void change(ServiceContext& context, ShopSettings& settings, InitialDeadlines initial,
            const RequestPtr& request, const Reply& reply) {
  auto patch = patch_of(*request);
  if (!patch) return reply(http::problem(patch.error(), *request));
  const auto revision = http::if_match_revision(*request);
  if (!revision) return reply(http::problem(revision.error(), *request));
  execute<CurrentSettings>(
      context.executor, Executor::Lane::outside, 1, request->cause(),
      [&settings, revision = *revision, patch = std::move(*patch)](UnitOfWork& unit) {
        return settings.change(unit, revision, patch);
      },
      [request, reply, initial](Result<CurrentSettings> result) {
        reply(result ? shown(*result, initial, true) : http::problem(result.error(), *request));
      });
}

}  // namespace

void add_shop_routes(ServiceContext& context, ShopSettings& settings, InitialDeadlines initial) {
  context.router.add(
      {.method = "GET",
       .path = "/v1/shop",
       .access = http::Access::publishable,
       .summary = "The shop; a publishable key sees name, currencies, languages and time zone",
       .tag = "Shop",
       .handler =
           [&context, initial](const RequestPtr& request, const Reply& reply) {
             http::answer_from_store(context.readers, request, reply, [=](Store store) {
               return shown(read_settings(store.log), initial,
                            request->principal == http::Principal::secret);
             });
           },
       .answer = http::schema_of<ShopView>()});
  context.router.add(
      {.method = "PATCH",
       .path = "/v1/shop",
       .summary = "Change settings by a JSON merge patch; null takes one back",
       .tag = "Shop",
       .handler = [&context, &settings, initial](
                      const RequestPtr& request,
                      const Reply& reply) { change(context, settings, initial, request, reply); },
       .body = http::schema_of<Settings>(),
       .answer = http::schema_of<ShopView>()});
}

}  // namespace stoa::shop
