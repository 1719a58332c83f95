#include "platform/beast/message.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace stoa::beast {
namespace {

http::Response answer(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

/// With the date, which is the only thing that changes, as `now`.
std::string dated(const std::string& text) {
  static const std::regex date(
      "Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT");
  return std::regex_replace(text, date, "Date: now");
}

std::string sent(http::Response response, unsigned version = 11, bool keep_alive = true,
                 bool without_body = false) {
  const Message message(std::move(response), version, keep_alive, without_body);
  return dated(message.first) + message.second;
}

TEST(Message, IsWrittenToTheByte) {
  auto response = answer(200, "{}");
  response.headers = {{"ETag", "\"1\""}, {"X-Empty", ""}};
  EXPECT_EQ(sent(response),
            "HTTP/1.1 200 OK\r\nServer: Stoa\r\nDate: now\r\nContent-Type: application/json\r\n"
            "ETag: \"1\"\r\nX-Empty: \r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(sent(answer(404, "x"), 10),
            "HTTP/1.0 404 Not Found\r\nServer: Stoa\r\nDate: now\r\n"
            "Content-Type: application/json\r\nConnection: keep-alive\r\n"
            "Content-Length: 1\r\n\r\nx");
}

TEST(Message, SaysThatTheConnectionCloses) {
  EXPECT_EQ(sent(answer(204, ""), 11, false),
            "HTTP/1.1 204 No Content\r\nServer: Stoa\r\nDate: now\r\nConnection: close\r\n\r\n");
}

TEST(Message, OfTwoFieldsOfOneNameTheLastIsSent_ButEachLink) {
  auto response = answer(200, "");
  response.headers = {{"A", "1"},    {"Link", "<x>"}, {"content-type", "text/plain"},
                      {"a", "2"},    {"link", "<y>"}, {"B", "split\r\nC: 3"},
                      {"D", {'\0'}}, {"E", "\n"}};
  EXPECT_EQ(sent(response),
            "HTTP/1.1 200 OK\r\nServer: Stoa\r\nDate: now\r\nLink: <x>\r\n"
            "content-type: text/plain\r\na: 2\r\nlink: <y>\r\nContent-Length: 0\r\n\r\n");
}

TEST(Message, OfHeadOnlyTheLengthIsSent) {
  const auto text = sent(answer(200, std::string(70'000, 'x')), 11, true, true);
  EXPECT_TRUE(text.ends_with("Content-Length: 70000\r\n\r\n")) << text;
}

TEST(Message, LargeBodyIsSentFromWhereItIs) {
  auto response = answer(200, std::string(70'000, 'x'));
  const auto* const bytes = response.body.data();
  const Message message(std::move(response), 11, true, false);
  EXPECT_TRUE(message.first.ends_with("Content-Length: 70000\r\n\r\n"));
  EXPECT_EQ(message.second.data(), bytes);
}

TEST(Message, HeadOfAStreamEndsAsItIsTold) {
  const auto head = dated(head_of(answer(200, "not here"), 11, false, "Transfer-Encoding: x\r\n"));
  EXPECT_EQ(head,
            "HTTP/1.1 200 OK\r\nServer: Stoa\r\nDate: now\r\nContent-Type: application/json\r\n"
            "Connection: close\r\nTransfer-Encoding: x\r\n\r\n");
}

}  // namespace
}  // namespace stoa::beast
