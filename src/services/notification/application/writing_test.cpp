#include "services/notification/application/writing.hpp"

#include <gtest/gtest.h>

namespace stoa::notification {
namespace {

/// Every built-in template, written for the sample order.
TEST(MessageWriter, EveryBuiltInTemplate_IsGoodAndSpeaksOfTheOrder) {
  const TemplateBook book;
  const MessageWriter writer(book, "Tea & Co");
  for (const auto& [key, text] : built_in_templates()) {
    const auto what = std::string(json::name_of(key.kind)) + " " +
                      std::string(json::name_of(key.channel)) + " " + key.language;
    const auto good = check_template(key.channel, text);
    EXPECT_TRUE(good) << what << (good ? "" : good.error().fields.front().message);
    const auto order = sample_order(key.language);
    const auto written =
        writer.write({key.kind, key.channel, latest_subject(key.kind, order)}, order);
    ASSERT_TRUE(written) << what;
    EXPECT_EQ(written->language, key.language);
    EXPECT_NE(written->text.text.find("1001"), std::string::npos) << what;
    EXPECT_EQ(written->text.text.find("{{"), std::string::npos) << what;
    EXPECT_EQ(written->text.html.find("<green>"), std::string::npos) << what;
    EXPECT_EQ(written->text.subject.empty(), key.channel == Channel::sms) << what;
  }
}

TEST(MessageWriter, EveryKind_HasAMailInEveryBuiltInLanguage) {
  for (const auto* language : {"en", "de"})
    for (const auto kind : {Kind::order_confirmed, Kind::order_rejected, Kind::order_shipped,
                            Kind::order_partly_shipped, Kind::order_cancelled, Kind::order_refunded,
                            Kind::return_received}) {
      EXPECT_TRUE(built_in_templates().contains({kind, Channel::email, language}));
      EXPECT_EQ(built_in_templates().contains({kind, Channel::sms, language}),
                is_told_by_sms(kind));
    }
}

TEST(MessageWriter, Money_HasTheDecimalsOfItsCurrencyAndTheMarkOfTheLanguage) {
  TemplateBook book;
  for (const auto* language : {"en", "de", "de-CH"})
    book.put({{Kind::order_confirmed, Channel::sms, language}, 1, {"", "{{total}}", ""}});
  const MessageWriter writer(book, "");
  const auto total = [&](std::int64_t amount, std::string_view currency, std::string language) {
    auto order = sample_order(std::move(language));
    order.total = Money(amount, *Currency::parse(currency));
    return writer.write({Kind::order_confirmed, Channel::sms, ""}, order).value().text.text;
  };
  EXPECT_EQ(total(1'999, "GBP", "en"), "19.99 GBP");
  EXPECT_EQ(total(1'999, "GBP", "de-AT"), "19,99 GBP");
  EXPECT_EQ(total(1'999, "CHF", "de-CH"), "19.99 CHF");
  EXPECT_EQ(total(1'999, "JPY", "en"), "1999 JPY");
  EXPECT_EQ(total(1'999, "KWD", "en"), "1.999 KWD");
}

TEST(MessageWriter, ATitleOfSeveralLines_MakesNoHeader) {
  TemplateBook book;
  book.put({{Kind::order_confirmed, Channel::email, "en"},
            1,
            {"{{#lines}}{{title}}{{/lines}}", "x", ""}});
  auto order = sample_order("en");
  order.lines.resize(1);
  order.lines[0].title = "Tea\r\nBcc: all@example.org";
  const auto written =
      MessageWriter(book, "").write({Kind::order_confirmed, Channel::email, ""}, order);
  EXPECT_EQ(written.value().text.subject, "Tea  Bcc: all@example.org");
}

TEST(MessageWriter, WhyAPaymentOrASuspicionRejected_IsNotTold) {
  const TemplateBook book;
  const MessageWriter writer(book, "");
  const auto text = [&](std::string code) {
    auto order = sample_order("en");
    order.rejection_code = std::move(code);
    return writer.write({Kind::order_rejected, Channel::email, ""}, order).value().text.text;
  };
  EXPECT_NE(text("out_of_stock").find("sold out"), std::string::npos);
  EXPECT_NE(text("insufficient_funds").find("payment did not succeed"), std::string::npos);
  EXPECT_EQ(text("fraud_suspected").find("payment did not succeed"), std::string::npos);
  EXPECT_EQ(text("fraud_suspected").find("sold out"), std::string::npos);
}

TEST(MessageWriter, WhatRemains_IsAsOfThatShipment) {
  const TemplateBook book;
  auto order = sample_order("en");
  order.fulfilments.push_back({"later", {{"line_2", Quantity(1)}}, {}, {}, {}});
  const auto text = MessageWriter(book, "")
                        .write({Kind::order_partly_shipped, Channel::email, "shipment"}, order)
                        .value()
                        .text.text;
  EXPECT_NE(text.find("Still to come:\n- 1 x Cup\n"), std::string::npos) << text;
}

TEST(Language, IsWrittenInTheCustomaryCase_AndFallsBack) {
  EXPECT_EQ(canonical_language("DE-at"), "de-AT");
  EXPECT_EQ(canonical_language("zh-HANT-tw"), "zh-Hant-TW");
  for (const auto* text : {"", "d", "german", "de-", "-de", "de--at", "d1", "de_AT"})
    EXPECT_FALSE(canonical_language(text)) << text;
  TemplateBook book;
  const auto best = [&](std::string language) {
    return book.best({Kind::order_confirmed, Channel::email, std::move(language)})->key.language;
  };
  EXPECT_EQ(best("de-AT"), "de");
  EXPECT_EQ(best("pt-BR"), "en");
  book.put({{Kind::order_confirmed, Channel::email, "de-AT"}, 1, {"s", "t", ""}});
  EXPECT_EQ(best("de-AT"), "de-AT");
  EXPECT_EQ(best("de-AT-1996"), "de-AT");
  book.remove({Kind::order_confirmed, Channel::email, "de-AT"});
  EXPECT_EQ(best("de-AT"), "de");
}

}  // namespace
}  // namespace stoa::notification
