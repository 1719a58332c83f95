#include "kernel/http/router.hpp"

#include <gtest/gtest.h>

namespace stoa::http {
namespace {

struct Thing {
  static constexpr std::string_view schema_name = "Thing";
  std::string name;
  static constexpr auto fields() { return std::tuple{json::field("name", &Thing::name)}; }
};

Route route(std::string method, std::string path) {
  return {.method = std::move(method),
          .path = std::move(path),
          .summary = "S",
          .tag = "T",
          .handler = [](const RequestPtr&, const Reply& reply) { reply({}); }};
}

Router some_routes() {
  Router router;
  router.add(route("GET", "/"));
  router.add(route("GET", "/v1/orders/{id}"));
  router.add(route("GET", "/v1/orders/export"));
  auto place = route("POST", "/v1/orders");
  place.body = schema_of<Thing>();
  place.answer = schema_of<Thing>();
  place.status = 201;
  place.takes_idempotency_key = true;
  place.also = {202, 409};
  router.add(place);
  auto list = route("GET", "/v1/orders");
  list.query = {{"filter[status]", "one status"}};
  router.add(list);
  auto open = route("GET", "/health");
  open.access = Access::open;
  router.add(open);
  return router;
}

std::string param_of(std::string_view path) {
  const auto router = some_routes();
  const auto match = router.match("GET", path);
  return match ? match->params.at(0).second : "no match";
}

TEST(Router, ParametersAreDecoded) {
  EXPECT_EQ(param_of("/v1/orders/ord_1"), "ord_1");
  EXPECT_EQ(param_of("/v1/orders/a%2Fb%20%22c%22"), "a/b \"c\"");
  EXPECT_EQ(param_of("/v1/orders/caf%C3%A9"), "café");
}

TEST(Router, IllFormedSegments_AreNotFound) {
  const auto router = some_routes();
  for (const auto* path : {"/v1/orders/%ff", "/v1/orders/%0a", "/v1/orders/%zz", "/v1/orders/",
                           "/v1/orders/a/b", "/v2", "", "*", "/v1//orders"}) {
    const auto match = router.match("GET", path);
    ASSERT_FALSE(match) << path;
    EXPECT_EQ(match.error().kind, ErrorKind::not_found) << path;
  }
}

TEST(Router, WordsComeBeforeParameters_WhateverTheirOrder) {
  const auto router = some_routes();
  const auto match = router.match("GET", "/v1/orders/export");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->route->path, "/v1/orders/export");
  EXPECT_TRUE(match->params.empty());
}

std::string found(const Router& router, std::string_view path, std::string_view method = "GET") {
  const auto match = router.match(method, path);
  if (!match) return match.error().code;
  auto text = match->route->path;
  for (const auto& [name, value] : match->params)
    text.append(" ").append(name).append("=").append(value);
  return text;
}

TEST(Router, FewestParametersWin_AlsoWhereAWordLedAway) {
  Router router;
  for (const auto* path : {"/a/{x}/{y}", "/a/b/{z}/d", "/{w}/b/c", "/a/{x}/c/{y}", "/a/e"})
    router.add(route("GET", path));
  EXPECT_EQ(found(router, "/a/b/c"), "/{w}/b/c w=a");
  EXPECT_EQ(found(router, "/a/b/d"), "/a/{x}/{y} x=b y=d");
  EXPECT_EQ(found(router, "/a/e/f"), "/a/{x}/{y} x=e y=f");
  EXPECT_EQ(found(router, "/a/b/c/d"), "/a/b/{z}/d z=c");
  EXPECT_EQ(found(router, "/a/b/c/e"), "/a/{x}/c/{y} x=b y=e");
  EXPECT_EQ(found(router, "/a/%ff/c"), "route_not_found");
  EXPECT_EQ(found(router, "/a"), "route_not_found");
}

TEST(Router, OfTwoWithAsManyParameters_TheFirstAdded) {
  for (const bool turned : {false, true}) {
    std::vector<std::string> paths{"/{x}/b", "/a/{y}"};
    if (turned) std::swap(paths[0], paths[1]);
    Router router;
    for (const auto& path : paths) router.add(route("GET", path));
    EXPECT_EQ(found(router, "/a/b"), turned ? "/a/{y} y=b" : "/{x}/b x=a");
  }
}

TEST(Router, EachMethodOfAShape_NamesItsOwnParameters) {
  Router router;
  router.add(route("GET", "/products/{id_or_handle}"));
  router.add(route("PATCH", "/products/{id}"));
  router.add(route("POST", "/products/import"));
  EXPECT_EQ(found(router, "/products/p"), "/products/{id_or_handle} id_or_handle=p");
  EXPECT_EQ(found(router, "/products/p", "PATCH"), "/products/{id} id=p");
  EXPECT_EQ(found(router, "/products/import"), "/products/{id_or_handle} id_or_handle=import");
  const auto none = router.match("DELETE", "/products/import");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().location, "GET, HEAD, PATCH, POST") << "of every shape, as added";
}

TEST(Router, APathDeeperThanAnyRoute_IsNotFound) {
  std::string path;
  for (std::size_t i = 0; i < Router::segments_max; ++i) path += "/{a}";
  Router router;
  router.add(route("GET", path));
  std::string asked;
  for (std::size_t i = 0; i < Router::segments_max; ++i) asked += "/x";
  EXPECT_TRUE(router.match("GET", asked));
  EXPECT_EQ(found(router, asked + "/x"), "route_not_found");
  EXPECT_EQ(found(router, "/v7" + asked), "unknown_api_version");
}

TEST(Router, AParameterIsAtMost1024BytesLong) {
  const std::string longest(1'024, 'x');
  EXPECT_EQ(param_of("/v1/orders/" + longest), longest);
  EXPECT_EQ(found(some_routes(), "/v1/orders/" + longest + "x"), "route_not_found");
  EXPECT_EQ(found(some_routes(), "/v1/orders/%20" + longest), "route_not_found");
}

TEST(Router, AnotherMethod_NamesTheAllowedOnes) {
  const auto router = some_routes();
  const auto match = router.match("DELETE", "/v1/orders");
  ASSERT_FALSE(match);
  EXPECT_EQ(match.error().kind, ErrorKind::method_not_allowed);
  EXPECT_EQ(match.error().location, "POST, GET, HEAD");
}

TEST(Router, HeadIsServedByGet) { EXPECT_TRUE(some_routes().match("HEAD", "/")); }

TEST(RouterDeathTest, OneOperationTwice_Asserts) {
  auto router = some_routes();
  EXPECT_DEATH(router.add(route("GET", "/v1/orders/{other}")), "same_shape");
}

TEST(Route, ListsWhatItsDeclarationMayBeRefusedWith) {
  const auto router = some_routes();
  const auto of = [&](std::string_view method, std::string_view path) {
    return statuses_of(*router.match(method, path)->route);
  };
  EXPECT_EQ(of("GET", "/v1/orders/ord_1"),
            (std::vector<int>{200, 400, 401, 403, 404, 429, 500, 503}));
  EXPECT_EQ(of("POST", "/v1/orders"),
            (std::vector<int>{201, 202, 400, 401, 403, 409, 413, 415, 422, 428, 429, 500, 503}));
  EXPECT_EQ(of("GET", "/health"), (std::vector<int>{200, 401, 429}));
}

TEST(OpenApi, DescribesEachRoute) {
  const auto document = json::parse(openapi(some_routes(), "1.2.3"));
  ASSERT_TRUE(document) << document.error().detail;
  const auto at = [&](std::string_view pointer) { return document->at_pointer(pointer); };
  EXPECT_EQ(at("/openapi"), "3.1.0");
  EXPECT_EQ(at("/info/version"), "1.2.3");
  EXPECT_EQ(at("/paths/~1v1~1orders~1{id}/get/operationId"), "getV1OrdersId");
  EXPECT_EQ(at("/paths/~1v1~1orders~1{id}/get/parameters/0/in"), "path");
  EXPECT_EQ(at("/paths/~1v1~1orders/get/parameters/0/name"), "filter[status]");
  EXPECT_EQ(at("/paths/~1v1~1orders/post/parameters/0/name"), "Idempotency-Key");
  EXPECT_EQ(at("/paths/~1v1~1orders/post/responses/201/content/application~1json/schema/$ref"),
            "#/components/schemas/Thing");
  EXPECT_EQ(at("/paths/~1v1~1orders/post/responses/202/content/application~1json/schema/$ref"),
            "#/components/schemas/Thing");
  EXPECT_EQ(at("/paths/~1v1~1orders/post/responses/409/content/application~1problem+json/schema/"
               "$ref"),
            "#/components/schemas/Problem");
  EXPECT_EQ(at("/paths/~1v1~1orders/post/requestBody/content/application~1json/schema/$ref"),
            "#/components/schemas/Thing");
  EXPECT_EQ(at("/paths/~1v1~1orders/post/responses/default/content/application~1problem+json/"
               "schema/$ref"),
            "#/components/schemas/Problem");
  EXPECT_TRUE(at("/paths/~1health/get/security").as_array().empty());
  EXPECT_EQ(at("/paths/~1v1~1orders/get/security").as_array().size(), 1U);
  EXPECT_TRUE(at("/components/schemas/Problem").is_object());
  EXPECT_TRUE(at("/components/schemas/Thing").is_object());
}

TEST(Router, WhatNoRouteServes_GoesToTheLongestPrefix) {
  auto router = some_routes();
  router.mount("/v1/orders", route("any", "orders"));
  router.mount("/v1/orders/exports", route("any", "exports"));
  router.mount("/v3", route("any", "three"));
  const auto served = [&](std::string_view method, std::string_view path) {
    const auto match = router.match(method, path);
    return match ? match->route->path : match.error().code;
  };
  EXPECT_EQ(served("GET", "/v1/orders/ord_1"), "/v1/orders/{id}");
  EXPECT_EQ(served("GET", "/v1/orders/ord_1/stream"), "orders");
  EXPECT_EQ(served("PATCH", "/v1/orders"), "orders");
  EXPECT_EQ(served("GET", "/v1/orders/exports/now"), "exports");
  EXPECT_EQ(served("GET", "/v1/ordersmore"), "route_not_found");
  EXPECT_EQ(served("GET", "/v3"), "three");
  EXPECT_EQ(served("GET", "/v3/" + std::string(40, '/')), "three");
  EXPECT_EQ(served("POST", "/health"), "method_not_allowed");
  EXPECT_EQ(router.routes().size(), some_routes().routes().size());
  router.mount("/", route("any", "all"));
  EXPECT_EQ(served("POST", "/health"), "all");
  EXPECT_EQ(served("GET", "/elsewhere"), "all");
  EXPECT_EQ(served("GET", "elsewhere"), "route_not_found");
}

}  // namespace
}  // namespace stoa::http
