#include "services/catalog/domain/allocation.hpp"

#include <gtest/gtest.h>

#include "services/catalog/domain/location.hpp"

namespace stoa::catalog {
namespace {

Stock stock(const std::string& sku, std::vector<std::pair<std::string, std::int64_t>> units) {
  Stock stock{sku, Quantity(0), {}};
  for (const auto& [location, count] : units)
    evolve(stock, {sku, location, Quantity(count), Quantity(0)});
  return stock;
}

const Stock mug = stock("MUG", {{"near", 2}, {"far", 5}});
const Stock cup = stock("CUP", {{"near", 1}, {"far", 1}});
const std::vector<std::string> order{"near", "far"};
using Lines = std::vector<StockLine>;

TEST(ByPriority, TheFirstLocation_GivesAsFarAsItGoes) {
  EXPECT_EQ(ByPriority().allocate({{&mug, Quantity(3)}, {&cup, Quantity(1)}}, order),
            (Lines{{"MUG", "near", Quantity(2)},
                   {"MUG", "far", Quantity(1)},
                   {"CUP", "near", Quantity(1)}}));
}

TEST(ByPriority, WhatNoShelfHolds_IsBackorderedAtTheFirst) {
  const auto only_far = stock("POT", {{"far", 1}});
  EXPECT_EQ(ByPriority().allocate({{&only_far, Quantity(3)}}, order),
            (Lines{{"POT", "near", Quantity(2)}, {"POT", "far", Quantity(1)}}));
}

TEST(FewestLocations, OneThatHasAll_GivesAll) {
  EXPECT_EQ(FewestLocations().allocate({{&mug, Quantity(3)}, {&cup, Quantity(1)}}, order),
            (Lines{{"MUG", "far", Quantity(3)}, {"CUP", "far", Quantity(1)}}));
  EXPECT_EQ(FewestLocations().allocate({{&mug, Quantity(1)}}, order),
            (Lines{{"MUG", "near", Quantity(1)}}))
      << "of several, the first";
}

TEST(FewestLocations, WhenNoneHasAll_PriorityDecides) {
  const std::vector<Wanted> wanted{{&mug, Quantity(3)}, {&cup, Quantity(2)}};
  EXPECT_EQ(FewestLocations().allocate(wanted, order), ByPriority().allocate(wanted, order));
}

TEST(Serving, ThePriorityDecides_ThenTheDefaultLocation_ThenTheCode) {
  const auto place = [](std::string code, std::int64_t priority, bool active, bool online) {
    return Location{std::move(code), "", {}, priority, active, online, 1, {}, {}};
  };
  EXPECT_EQ(serving({place("attic", 100, true, true), place("main", 100, true, true),
                     place("shop", 1, true, true), place("old", 1, false, true),
                     place("office", 1, true, false)}),
            (std::vector<std::string>{"shop", "main", "attic"}));
}

}  // namespace
}  // namespace stoa::catalog
