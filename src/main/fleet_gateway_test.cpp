#include <gtest/gtest.h>

#include "kernel/http/router.hpp"
#include "kernel/json/value.hpp"
#include "main/fleet_description.hpp"
#include "main/fleet_events.hpp"
#include "main/service_directory.hpp"

namespace stoa {
namespace {

TEST(FleetEvents, ACursorIsTakenApartAndPutTogether) {
  const auto places = parse_places("ordering:7@3,catalog:12");
  ASSERT_TRUE(places);
  EXPECT_EQ(to_text(*places), "catalog:12,ordering:7@3");
  EXPECT_TRUE(parse_places("")->empty());
  EXPECT_TRUE(parse_places("0")->empty());
  for (const auto* wrong : {"1", "catalog", "catalog:", "catalog:x", "catalog:1@", "nobody:1",
                            "catalog:1@x", "catalog:-1", "catalog:99999999999999999999"})
    EXPECT_FALSE(parse_places(wrong)) << wrong;
}

TEST(FleetDescription, OperationsOfAllServicesStandInOne) {
  const auto joined = joined_description(
      {R"({"openapi":"3.1.0","paths":{"/health":{"get":1},"/v1/a":{"get":{"of":"first"}},
          "/v1/c":{"get":{"of":"first"}}},"components":{"schemas":{"Money":1}}})",
       R"({"openapi":"3.1.0","paths":{"/health":{"get":2},"/internal/x":{"get":2},
          "/v1/a":{"post":2},"/v1/b":{"get":2},"/v1/c":{"get":{"of":"a service"}}},
          "components":{"schemas":{"Money":2,"Order":2}}})"});
  ASSERT_TRUE(joined) << joined.error().detail;
  EXPECT_EQ(*json::parse(*joined), *json::parse(R"({"openapi":"3.1.0","paths":{"/health":{"get":1},
                "/v1/a":{"get":{"of":"first"},"post":2},"/v1/b":{"get":2},
                "/v1/c":{"get":{"of":"a service"}}},
                "components":{"schemas":{"Money":1,"Order":2}}})"));
  EXPECT_FALSE(joined_description({"{}"}));
  EXPECT_FALSE(joined_description({"no JSON"}));
}

TEST(ServiceDirectory, TheFileIsReadStrictly) {
  const auto urls = parse_service_urls(
      R"({"catalog":["http://127.0.0.1:41001","http://127.0.0.1:41002"],"ordering":[]})");
  ASSERT_TRUE(urls);
  EXPECT_EQ(urls->at("catalog").size(), 2U);
  EXPECT_TRUE(urls->at("ordering").empty());
  for (const auto* wrong : {"[]", R"({"catalog":"http://a"})", R"({"catalog":["ftp://a"]})",
                            R"({"nobody":[]})", R"({"catalog":[1]})", "{"})
    EXPECT_FALSE(parse_service_urls(wrong)) << wrong;
}

}  // namespace
}  // namespace stoa
