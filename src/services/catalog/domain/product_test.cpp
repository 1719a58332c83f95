#include "services/catalog/domain/product.hpp"

#include <gtest/gtest.h>

namespace stoa::catalog {
namespace {

TEST(Product, DerivedSku_IsTheHandleAndTheOptionValues) {
  EXPECT_EQ(derived_sku("mug", {}), "mug");
  EXPECT_EQ(derived_sku("mug", {"Extra Large", "Red/Blue"}), "mug-extra-large-red-blue");
  EXPECT_EQ(derived_sku("mug", {"Children's"}), "mug-childrens");
  EXPECT_EQ(derived_sku("mug", {"7½\""}), "mug-7½");
  EXPECT_EQ(derived_sku("mug", {"!!!"}), "mug");
  EXPECT_LE(derived_sku(std::string(250, 'a'), {"x"}).size(), 240U);
}

TEST(Product, Faults_AreAllNamedAtOnce) {
  Product product;
  product.handle = "Mug";
  product.options = {{"Size", {"S", "L", "S"}}};
  Variant small;
  small.sku = "MUG-S";
  small.options = {"S"};
  Variant odd = small;
  odd.options = {"XL"};
  Variant bare;
  bare.sku = "MUG";
  product.variants = {small, odd, bare};
  std::vector<std::string> pointers;
  for (const auto& fault : faults_of(product)) pointers.push_back(fault.pointer);
  const std::vector<std::string> expected{"/title",
                                          "/handle",
                                          "/options/0/values/2",
                                          "/variants/1/sku",
                                          "/variants/1/options/0",
                                          "/variants/2/options"};
  EXPECT_EQ(pointers, expected);
}

TEST(Product, Faults_NoneWithoutOptions) {
  Product product;
  product.handle = "mug";
  product.title = "Mug";
  Variant variant;
  variant.sku = "MUG";
  product.variants = {variant};
  EXPECT_TRUE(faults_of(product).empty());
}

TEST(Product, Handle_IsNoId) {
  EXPECT_TRUE(is_handle("mug-2_x"));
  EXPECT_FALSE(is_handle(ProductId().str()));
  EXPECT_FALSE(is_handle("a b"));
}

}  // namespace
}  // namespace stoa::catalog
