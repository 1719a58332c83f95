#include "services/notification/domain/template.hpp"

#include <gtest/gtest.h>

namespace stoa::notification {
namespace {

const Vocabulary words{
    {{"name", {}}, {"note", {}}, {"lines", {"title", "count"}}, {"rest", {"title"}}}};

Scope order() {
  const auto line = [](std::string title, std::string count) {
    return Scope{{{"title", std::move(title)}, {"count", std::move(count)}}};
  };
  return {{{"name", "Ada <b>"},
           {"note", ""},
           {"lines", std::vector{line("Tea & milk", "2"), line("Cup", "1")}},
           {"rest", std::vector<Scope>{}}}};
}

std::string rendered(std::string_view text, Template::Escape escape = Template::Escape::none) {
  const auto parsed = Template::parse(text, words);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().detail);
  return parsed ? parsed->render(order(), escape).value_or("too long") : "";
}

std::string fault(std::string_view text) {
  const auto parsed = Template::parse(text, words);
  return parsed ? "" : parsed.error().detail;
}

TEST(Template, AValue_IsEscapedForHtmlAlone) {
  EXPECT_EQ(rendered("Hello {{ name }}!"), "Hello Ada <b>!");
  EXPECT_EQ(rendered("Hello {{name}}!", Template::Escape::html), "Hello Ada &lt;b&gt;!");
}

TEST(Template, AList_IsWrittenItemByItem_AndSeesWhatIsAroundIt) {
  EXPECT_EQ(rendered("{{#lines}}{{count}} {{title}} for {{name}};{{/lines}}"),
            "2 Tea & milk for Ada <b>;1 Cup for Ada <b>;");
}

TEST(Template, WhatIsEmpty_IsLeftOut_AndItsOppositeIsWritten) {
  EXPECT_EQ(rendered("{{#note}}a{{/note}}{{^note}}b{{/note}}{{#rest}}c{{/rest}}{{^rest}}d{{/rest}}"
                     "{{#name}}e{{/name}}{{^name}}f{{/name}}"),
            "bde");
}

TEST(Template, ABracketAloneOnItsLine_LeavesNoEmptyLine) {
  EXPECT_EQ(rendered("Lines:\n{{#lines}}\n- {{title}}\n{{/lines}}\n{{! a remark }}\nEnd\n"),
            "Lines:\n- Tea & milk\n- Cup\nEnd\n");
}

TEST(Template, AFault_NamesItsPlace) {
  EXPECT_EQ(fault("a\nb {{nobody}}"), "line 2, column 3: there is no variable nobody here.");
  EXPECT_EQ(fault("{{#lines}}"), "line 1, column 1: {{#lines}} is not closed.");
  EXPECT_EQ(fault("{{#lines}}{{/name}}"), "line 1, column 11: {{/name}} closes what is not open.");
  EXPECT_EQ(fault("a {{name"), "line 1, column 3: {{ is not closed by }}.");
  EXPECT_TRUE(fault("{{{name}}}").ends_with("unescaped values are not allowed: write {{name}}."));
  EXPECT_TRUE(fault("{{&name}}").ends_with("unescaped values are not allowed: write {{name}}."));
  EXPECT_FALSE(fault("{{> other}}").empty());
  EXPECT_FALSE(fault("{{=<% %>=}}").empty());
}

TEST(Template, AMemberOfAList_IsKnownWithinItAlone) {
  EXPECT_EQ(fault("{{title}}"), "line 1, column 1: there is no variable title here.");
  EXPECT_EQ(fault("{{^lines}}{{title}}{{/lines}}"),
            "line 1, column 11: there is no variable title here.");
  EXPECT_NE(fault("{{lines}}").find("is a list"), std::string::npos);
}

TEST(Template, AnEndlessMessage_IsRefused) {
  Scope scope;
  scope.members["lines"] = std::vector<Scope>(2'000);
  const auto parsed = Template::parse(
      "{{#lines}}{{#lines}}{{#lines}}0123456789{{/lines}}{{/lines}}{{/lines}}", words);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->render(scope, Template::Escape::none).error().code, "message_too_long");
  const auto silent =
      Template::parse("{{#lines}}{{#lines}}{{#lines}}{{/lines}}{{/lines}}{{/lines}}", words);
  ASSERT_TRUE(silent);
  EXPECT_EQ(silent->render(scope, Template::Escape::none).error().code, "message_too_long");
  const std::string deep(9, '#');
  std::string text;
  for (const char c : deep) text.append("{{").append(1, c).append("name}}");
  EXPECT_NE(fault(text).find("too many brackets"), std::string::npos);
}

}  // namespace
}  // namespace stoa::notification
