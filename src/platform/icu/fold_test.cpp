#include "platform/icu/fold.hpp"

#include <gtest/gtest.h>

namespace stoa::icu {
namespace {

TEST(Fold, CaseAndAccents_DoNotMatter) {
  EXPECT_EQ(fold("Crème BRÛLÉE"), "creme brulee");
  EXPECT_EQ(fold("Cre\u0300me"), "creme") << "an accent of its own";
  EXPECT_EQ(fold("Straße"), fold("STRASSE"));
  EXPECT_EQ(fold("Øresund Łódź Æther"), "oresund lodz aether");
  EXPECT_EQ(fold("ΣΊΣΥΦΟΣ"), fold("σίσυφος")) << "final sigma too";
  EXPECT_EQ(fold("İstanbul"), "istanbul");
}

TEST(Fold, CompatibilityForms_AreTheirPlainOnes) {
  EXPECT_EQ(fold("Ｔシャツ"), "tシャツ");
  EXPECT_EQ(fold("ﬁne"), "fine");
  EXPECT_EQ(fold("Levi’s"), "levi's");
}

TEST(Fold, OtherScripts_StayWhole) {
  EXPECT_EQ(fold("한국어"), "한국어");
  EXPECT_EQ(fold("हिन्दी"), "हिन्दी");
  EXPECT_EQ(fold(""), "");
}

TEST(Fold, WhatIsNoUtf8_DoesNotBreakIt) { EXPECT_EQ(fold("\xff Ä"), "\uFFFD a"); }

}  // namespace
}  // namespace stoa::icu
