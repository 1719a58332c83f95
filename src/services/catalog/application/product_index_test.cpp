#include "services/catalog/application/product_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace stoa::catalog {
namespace {

bool has_label(const search::Document& document, const std::string& field,
               const std::string& value) {
  return std::ranges::find(document.labels, search::Label{field, value}) != document.labels.end();
}

std::optional<std::int64_t> number_of(const search::Document& document, std::string_view field) {
  const auto found = std::ranges::find(document.numbers, field, &search::Number::field);
  return found == document.numbers.end() ? std::nullopt : std::optional(found->value);
}

IndexedProduct shirt() {
  const auto pounds = *Currency::parse("GBP");
  IndexedProduct indexed;
  auto& product = indexed.product;
  product.title = "Shirt";
  product.vendor = "Blue";
  product.status = ProductStatus::active;
  product.options = {{"Size", {"S", "M"}}};
  product.variants.resize(2);
  product.variants[0].sku = "SHIRT-S";
  product.variants[0].prices = {Money(900, pounds)};
  product.variants[1].sku = "SHIRT-M";
  product.variants[1].prices = {Money(1100, pounds)};
  indexed.sold = 7;
  return indexed;
}

TEST(ProductIndex, Document_HasWhatIsFilteredAndSorted) {
  const auto document = document_of(shirt());
  EXPECT_TRUE(has_label(document, "status", "active"));
  EXPECT_TRUE(has_label(document, "option.Size", "M"));
  EXPECT_TRUE(has_label(document, "in_stock", "false"));
  EXPECT_EQ(number_of(document, "price_low/GBP"), 900);
  EXPECT_EQ(number_of(document, "price_high/GBP"), 1100);
  EXPECT_EQ(number_of(document, "sold"), 7);
  EXPECT_NE(std::ranges::find(document.codes, "SHIRT-M"), document.codes.end());
}

TEST(ProductIndex, PricesOfEachCurrency_HaveBoundsOfTheirOwn) {
  auto indexed = shirt();
  const auto euros = *Currency::parse("EUR");
  indexed.product.variants[0].prices.emplace_back(1200, euros);
  indexed.product.variants[1].prices.emplace_back(1000, euros);
  const auto document = document_of(indexed);
  EXPECT_EQ(number_of(document, "price_low/GBP"), 900);
  EXPECT_EQ(number_of(document, "price_high/GBP"), 1100);
  EXPECT_EQ(number_of(document, "price_low/EUR"), 1000);
  EXPECT_EQ(number_of(document, "price_high/EUR"), 1200);
}

TEST(ProductIndex, TheOptionOfNoOptions_IsNotIndexed) {
  auto indexed = shirt();
  indexed.product.options = {{"Title", {"Default Title"}}};
  const auto document = document_of(indexed);
  EXPECT_FALSE(has_label(document, "option.Title", "Default Title"));
}

TEST(ProductIndex, Html_GivesItsWords) {
  EXPECT_EQ(words_of_html("<p>One</p><p>two <b>three</b>s</p>"), " One  two threes ");
  EXPECT_EQ(words_of_html("a &lt; b &amp;amp; &quot;c&quot;"), "a < b &amp; \"c\"");
  EXPECT_EQ(words_of_html("<img alt=\"x\">y<"), " y<");
}

TEST(ProductIndex, ALongDescription_IsCutAtACharacter) {
  auto indexed = shirt();
  for (int at = 0; at < 30'000; ++at) indexed.product.description_html += "é";
  const auto document = document_of(indexed);
  const auto& description = document.words.back().text;
  EXPECT_EQ(description.size() % 2, 0U);
  EXPECT_LE(description.size(), 20'000U);
}

}  // namespace
}  // namespace stoa::catalog
