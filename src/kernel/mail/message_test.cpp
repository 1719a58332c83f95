#include "kernel/mail/message.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "kernel/base/text.hpp"

namespace stoa::mail {
namespace {

Message hello() {
  return {.message_id = "order-1.7.email@shop.example",
          .date = *from_rfc3339("2026-11-04T09:05:00Z"),
          .from = {"Shop", "shop@shop.example"},
          .to = {"", "ada@example.org"},
          .subject = "Hello",
          .text = "Good day\n",
          .html = "",
          .language = "en"};
}

std::string written(const Message& message) {
  const auto text = to_rfc5322(message);
  EXPECT_TRUE(text);
  return text.value_or("");
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

TEST(MailMessage, Plain_HasTheHeadersThatAMachineOwes) {
  const auto text = written(hello());
  for (const auto* line :
       {"Date: Wed, 04 Nov 2026 09:05:00 +0000\r\n", "From: Shop\r\n <shop@shop.example>\r\n",
        "To: <ada@example.org>\r\n", "Message-ID: <order-1.7.email@shop.example>\r\n",
        "Subject: Hello\r\n", "Auto-Submitted: auto-generated\r\n", "Content-Language: en\r\n",
        "MIME-Version: 1.0\r\n", "\r\n\r\nGood day\r\n"})
    EXPECT_TRUE(has(text, line)) << line << "\n" << text;
}

TEST(MailMessage, TwoParts_AreAlternatives_ThePlainOneFirst) {
  auto message = hello();
  message.html = "<p>Good day</p>";
  const auto text = written(message);
  EXPECT_TRUE(has(text, "Content-Type: multipart/alternative; boundary=\"=_stoa_part\"\r\n"));
  EXPECT_LT(text.find("text/plain"), text.find("text/html"));
  EXPECT_TRUE(text.ends_with("\r\n--=_stoa_part--\r\n"));
}

TEST(MailMessage, ALongSubjectOfManyLetters_IsCutBetweenThem) {
  auto message = hello();
  for (int i = 0; i < 30; ++i) message.subject += "Grüße€";
  std::istringstream lines(written(message));
  std::string subject;
  bool within = false;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 78U) << line;
    within = line.starts_with("Subject: ") || (within && line.starts_with(' '));
    if (!within) continue;
    const auto begin = line.find("=?UTF-8?B?") + 10;
    const auto word = from_base64(line.substr(begin, line.rfind("?=") - begin));
    ASSERT_TRUE(word) << line;
    EXPECT_TRUE(is_utf8(*word)) << "a letter was cut";
    subject += *word;
  }
  EXPECT_EQ(subject, message.subject);
}

TEST(MailMessage, ABody_IsQuotedPrintable) {
  auto message = hello();
  message.text = "a=b ü \nends in a space \n" + std::string(200, 'x') + "\n.\r\nFrom me";
  const auto text = written(message);
  EXPECT_TRUE(has(text, "a=3Db =C3=BC=20\r\nends in a space=20\r\n"));
  EXPECT_TRUE(has(text, std::string(75, 'x') + "=\r\n" + std::string(75, 'x') + "=\r\n"));
  EXPECT_TRUE(has(text, "\r\n.\r\nFrom me\r\n"));
}

TEST(MailMessage, AHeaderWithinAName_IsRefused) {
  for (auto Message::* member : {&Message::subject, &Message::message_id, &Message::language}) {
    auto message = hello();
    message.*member = "x\r\nBcc: all@example.org";
    EXPECT_FALSE(to_rfc5322(message));
  }
  for (auto Message::* member : {&Message::from, &Message::to}) {
    auto message = hello();
    (message.*member).name = "x\nBcc: all@example.org";
    EXPECT_FALSE(to_rfc5322(message));
    message = hello();
    (message.*member).address = "a@example.org>\r\nBcc: <b@example.org";
    EXPECT_FALSE(to_rfc5322(message));
  }
}

TEST(MailMessage, ANameWithSpecialCharacters_CannotEndItself) {
  auto message = hello();
  message.to.name = "Ada, \"the\" <b@example.org>";
  const auto text = written(message);
  EXPECT_FALSE(has(text, "b@example.org"));
  EXPECT_TRUE(has(text, "To: =?UTF-8?B?"));
}

TEST(Mailbox, IsANameAndAnAddress_OrAnAddress) {
  const auto both = parse_mailbox(" My Shop <shop@example.org> ");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->name, "My Shop");
  EXPECT_EQ(both->address, "shop@example.org");
  EXPECT_EQ(both->domain(), "example.org");
  EXPECT_TRUE(parse_mailbox("shop@example.org"));
  for (const auto* text :
       {"", "shop", "shop@", "@example.org", "a@b@c", "a b@example.org", "Shop <shop@example.org",
        "a@example.org, b@example.org", "x\r\ny <a@example.org>"})
    EXPECT_FALSE(parse_mailbox(text)) << text;
}

}  // namespace
}  // namespace stoa::mail
