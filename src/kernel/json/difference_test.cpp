#include "kernel/json/difference.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace stoa::json {
namespace {

std::string told(std::string_view before, std::string_view after) {
  const auto a = parse(before).value();
  const auto b = parse(after).value();
  const auto text = [](const Value* value) {
    return value == nullptr ? std::string("-") : boost::json::serialize(*value);
  };
  std::string all;
  for (const auto& one : differences(a, b))
    all += one.pointer + " " + text(one.before) + " " + text(one.after) + ";";
  return all;
}

TEST(Difference, OfLikeValues_IsNone) {
  EXPECT_EQ(told(R"({"a":[1,{"b":null}]})", R"({"a":[1,{"b":null}]})"), "");
}

TEST(Difference, IsNamedAsDeepAsItCanBe) {
  EXPECT_EQ(told(R"({"a":{"b":1,"c":2},"d":3})", R"({"a":{"b":1,"c":4},"e":null})"),
            "/a/c 2 4;/e - null;/d 3 -;");
  EXPECT_EQ(told(R"([1,[2,3]])", R"([1,[2,4,5],6])"), "/1/1 3 4;/1/2 - 5;/2 - 6;");
  EXPECT_EQ(told(R"([1,2])", R"([])"), "/0 1 -;/1 2 -;");
  EXPECT_EQ(told(R"({"a":{}})", R"({"a":[]})"), "/a {} [];");
  EXPECT_EQ(told("1", "null"), " 1 null;");
}

TEST(Difference, NamesAreEscaped) { EXPECT_EQ(told("{}", R"({"a/~b":1})"), "/a~1~0b - 1;"); }

}  // namespace
}  // namespace stoa::json
