#include "platform/gumbo/sanitise.hpp"

#include <gtest/gtest.h>

namespace stoa::gumbo {
namespace {

TEST(Sanitise, Keeps_TextAndPlainMarkup) {
  EXPECT_EQ(sanitise("<p>Tea &amp; <b>toast</b><br></p>"), "<p>Tea &amp; <b>toast</b><br></p>");
  EXPECT_EQ(sanitise("plain"), "plain");
}

TEST(Sanitise, Drops_ScriptsStylesAndHandlers) {
  EXPECT_EQ(sanitise("a<script>alert(1)</script><style>b{}</style>c"), "ac");
  EXPECT_EQ(sanitise("<p onclick=\"x()\" style=\"a:b\">t</p>"), "<p>t</p>");
  EXPECT_EQ(sanitise("<svg onload=x()><a href=y>z</a></svg>t"), "t");
  EXPECT_EQ(sanitise("<iframe src=x></iframe><form><input>t</form>"), "t");
}

TEST(Sanitise, Drops_AddressesThatRun) {
  const std::string bare = "<a rel=\"noopener nofollow\">t</a>";
  EXPECT_EQ(sanitise("<a href=\"javascript:x()\">t</a>"), bare);
  EXPECT_EQ(sanitise("<a href=\" jAva\tscript:x()\">t</a>"), bare);
  EXPECT_EQ(sanitise("<a href=\"&#1;javascript:x()\">t</a>"), bare);
  EXPECT_EQ(sanitise("<img src=\"data:image/svg+xml,x\">"), "<img>");
  EXPECT_EQ(sanitise("<a href=\"/p?a=b:c\">t</a>"),
            "<a href=\"/p?a=b:c\" rel=\"noopener nofollow\">t</a>");
}

TEST(Sanitise, Drops_ControlCharacters) {
  EXPECT_EQ(sanitise("a&#1;b\x7f"
                     "c\xC2\x85"
                     "d\n<i title=\"x&#2;y\">e</i>"),
            "abcd\n<i title=\"xy\">e</i>");
}

TEST(Sanitise, Twice_ChangesNothing) {
  const auto once = sanitise("<div><p>a<p>b &lt;i&gt; <a href='http://x/'>c</a><ul><li>d</div>");
  EXPECT_EQ(sanitise(once), once);
}

TEST(Sanitise, DeepMarkup_IsText) {
  std::string deep;
  for (int at = 0; at < 20'000; ++at) deep += "<div>";
  EXPECT_TRUE(sanitise(deep).starts_with("&lt;div&gt;"));
}

}  // namespace
}  // namespace stoa::gumbo
