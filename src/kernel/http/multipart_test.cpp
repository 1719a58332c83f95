#include "kernel/http/multipart.hpp"

#include <gtest/gtest.h>

#include <random>

namespace stoa::http {
namespace {

const std::string type = "multipart/form-data; boundary=XX";

std::string part(const std::string& disposition, const std::string& content) {
  return "--XX\r\nContent-Disposition: " + disposition + "\r\n\r\n" + content + "\r\n";
}

TEST(Multipart, FieldsAndFiles_AreRead) {
  const auto body = "ignored\r\n" + part("form-data; name=\"currency\"", "EUR") +
                    "--XX  \r\ncontent-type: text/csv\r\nContent-Disposition: form-data; "
                    "name=file ; filename=\"a \\\"b\\\".csv\"\r\nX-Other: y\r\n\r\n" +
                    "Handle\r\n--XY\r\n\r\n--XX-not\r\nlast" + "\r\n--XX--\r\nepilogue";
  const auto form = read_form("Multipart/Form-Data; charset=utf-8; boundary=\"XX\"", body);
  ASSERT_TRUE(form) << form.error().detail;
  ASSERT_EQ(form->size(), 2U);
  EXPECT_EQ((*form)[0].name, "currency");
  EXPECT_EQ((*form)[0].content, "EUR");
  EXPECT_EQ((*form)[0].file_name, "");
  EXPECT_EQ((*form)[1].name, "file");
  EXPECT_EQ((*form)[1].file_name, "a \"b\".csv");
  EXPECT_EQ((*form)[1].content_type, "text/csv");
  EXPECT_EQ((*form)[1].content, "Handle\r\n--XY\r\n\r\n--XX-not\r\nlast");
}

TEST(Multipart, EmptyPartsAndForms_AreRead) {
  const auto empty = read_form(type, part("form-data; name=\"a\"", "") + "--XX--");
  ASSERT_TRUE(empty) << empty.error().detail;
  EXPECT_EQ(empty->front().content, "");
  const auto at_once =
      read_form(type, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n--XX--");
  ASSERT_TRUE(at_once) << at_once.error().detail;
  EXPECT_EQ(at_once->front().content, "");
  EXPECT_EQ(read_form(type, "--XX--\r\n")->size(), 0U);
}

TEST(Multipart, OtherBodies_AreRefused) {
  const auto code = [](const std::string& content_type, const std::string& body) {
    const auto form = read_form(content_type, body);
    return form ? "" : form.error().code;
  };
  const auto good = part("form-data; name=\"a\"", "x");
  EXPECT_EQ(code("text/csv", good + "--XX--"), "unsupported_media_type");
  const std::string malformed = "malformed_multipart";
  EXPECT_EQ(code("multipart/form-data", good + "--XX--"), malformed);
  EXPECT_EQ(code("multipart/form-data; boundary=" + std::string(71, 'x'), ""), malformed);
  EXPECT_EQ(code("multipart/form-data; boundary=\"a\r\n\"", ""), malformed);
  EXPECT_EQ(code(type, ""), malformed);
  EXPECT_EQ(code(type, good), malformed) << "not closed";
  EXPECT_EQ(code(type, part("attachment; name=\"a\"", "x") + "--XX--"), malformed);
  EXPECT_EQ(code(type, part("form-data", "x") + "--XX--"), malformed);
  EXPECT_EQ(code(type, part("form-data; name=\"a", "x") + "--XX--"), malformed);
  EXPECT_EQ(code(type, "--XX\r\nno header\r\n\r\nx\r\n--XX--"), malformed);
  EXPECT_EQ(code(type, "--XX\r\nX: " + std::string(9'000, 'y') + "\r\n\r\nx\r\n--XX--"), malformed);
  std::string many;
  for (int at = 0; at < 21; ++at) many += good;
  EXPECT_EQ(code(type, many + "--XX--"), malformed);
}

/// Any bytes are read or refused, and every content lies within the body. Run with the address
/// sanitizer, this looks for reads beyond it.
TEST(Multipart, RandomBodies_AreReadOrRefused) {
  std::mt19937 random(11);
  const std::vector<std::string> pieces{
      "--XX",        "\r\n",   "--",
      "\r",          "\n",     "Content-Disposition: form-data; name=\"a\"",
      "; filename=", "\"",     "\\",
      ":",           "=",      ";",
      " ",           "x",      std::string(1, '\0'),
      "\xFF",        "--XX--", "\r\n--XX\r\n"};
  int read = 0;
  for (int run = 0; run < 20'000; ++run) {
    std::string body = run % 2 == 0 ? part("form-data; name=\"a\"", "x") : "";
    const auto length = random() % 30;
    for (std::size_t at = 0; at < length; ++at) body += pieces[random() % pieces.size()];
    if (run % 3 == 0) body += "\r\n--XX--";
    const auto form = read_form(run % 7 == 0 ? type + body.substr(0, 20) : type, body);
    if (!form) continue;
    ++read;
    for (const auto& one : *form) {
      if (one.content.empty()) continue;
      EXPECT_GE(one.content.data(), body.data());
      EXPECT_LE(one.content.data() + one.content.size(), body.data() + body.size());
    }
  }
  EXPECT_GT(read, 1'000);
}

/// What a client writes is what is read, whatever the bytes.
TEST(Multipart, RandomContents_ComeBack) {
  std::mt19937 random(12);
  for (int run = 0; run < 2'000; ++run) {
    std::string content;
    const auto length = random() % 200;
    for (std::size_t at = 0; at < length; ++at) content += "\r\n-X ab\0\xFF"[random() % 10];
    if (content.find("--XX") != std::string::npos) continue;
    const auto body = part("form-data; name=\"a\"; filename=\"f\"", content) + "--XX--\r\n";
    const auto form = read_form(type, body);
    ASSERT_TRUE(form) << form.error().detail;
    EXPECT_EQ(form->front().content, content);
  }
}

}  // namespace
}  // namespace stoa::http
