#include "kernel/http/request_head.hpp"

#include <gtest/gtest.h>

#include <string>

namespace stoa::http {
namespace {

/// The status that `bytes` are refused with, 0 when more is needed, 200 when they are a head.
int judge(std::string_view bytes) {
  HeadEnd end;
  const auto size = end.find(bytes);
  if (!size) return size.error().status;
  if (!*size) return 0;
  const auto head = parse_head(bytes.substr(0, **size));
  return head ? 200 : head.error().status;
}

std::string get(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

TEST(RequestHead, SaysWhatARequestIs) {
  const std::string bytes =
      "\r\nPOST /v1/orders?a=b HTTP/1.1\r\nHost: shop:5000\r\nX-A:\t one  two \r\nX-B:\r\n"
      "content-LENGTH: 12\r\nExpect: 100-Continue\r\nConnection: x , Close\r\n\r\nrest";
  HeadEnd end;
  const auto size = end.find(bytes);
  ASSERT_TRUE(size && *size);
  EXPECT_EQ(bytes.substr(**size), "rest");
  const auto head = parse_head(std::string_view(bytes).substr(0, **size));
  ASSERT_TRUE(head) << head.error().detail;
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/v1/orders?a=b");
  EXPECT_EQ(head->minor_version, 1);
  ASSERT_EQ(head->fields.size(), 6U);
  EXPECT_EQ(head->fields[1].name, "X-A");
  EXPECT_EQ(head->fields[1].value, "one  two");
  EXPECT_EQ(head->fields[2].value, "");
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_FALSE(head->keep_alive);
  EXPECT_FALSE(head->chunked);
}

TEST(RequestHead, ConnectionStaysByItsVersionAndOptions) {
  const auto stays = [](std::string_view version, std::string_view fields) {
    const std::string bytes =
        "GET / HTTP/" + std::string(version) + "\r\nHost: h\r\n" + std::string(fields) + "\r\n";
    return parse_head(bytes).value().keep_alive;
  };
  EXPECT_TRUE(stays("1.1", ""));
  EXPECT_FALSE(stays("1.0", ""));
  EXPECT_TRUE(stays("1.0", "Connection: keep-alive\r\n"));
  EXPECT_FALSE(stays("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
}

TEST(RequestHead, FoundInAnyPieces_IsTheSame) {
  const auto whole = get("A: b\r\nTransfer-Encoding: chunked\r\n");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    HeadEnd end;
    EXPECT_EQ(end.find(std::string_view(whole).substr(0, cut)).value(), std::nullopt);
    EXPECT_EQ(end.find(whole).value(), whole.size());
  }
}

TEST(RequestHead, FaultIsToldBeforeTheHeadIsWhole) {
  EXPECT_EQ(judge("\x16\x03\x01"), 400);  // TLS on this port
  EXPECT_EQ(judge("\n"), 400);
  EXPECT_EQ(judge("\r\r"), 400);
  EXPECT_EQ(judge("GET / HTTP/1.1\n"), 400);
  EXPECT_EQ(judge("GET /" + std::string(request_line_bytes_max, 'a')), 414);
  EXPECT_EQ(judge("GET / HTTP/1.1\r\nA: " + std::string(head_bytes_max, 'a')), 431);
  EXPECT_EQ(judge(""), 0);
  EXPECT_EQ(judge("\r"), 0);
}

TEST(RequestHead, LimitsAreExact) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
  EXPECT_EQ(judge(begin + std::string(head_bytes_max - begin.size() - 4, 'a') + "\r\n\r\n"), 200);
  EXPECT_EQ(judge(begin + std::string(head_bytes_max - begin.size() - 3, 'a') + "\r\n\r\n"), 431);
  std::string fields;
  for (std::size_t i = 1; i < head_fields_max; ++i) fields += "A: b\r\n";
  EXPECT_EQ(judge(get(fields)), 200);
  EXPECT_EQ(judge(get(fields + "A: b\r\n")), 431);
}

TEST(RequestHead, LongestContentLengthStandsForAllBeyond) {
  const auto length = [](std::string_view digits) {
    return parse_head(get("Content-Length: " + std::string(digits) + "\r\n"))
        .value()
        .content_length;
  };
  EXPECT_EQ(length("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(length("18446744073709551616"), UINT64_MAX);
  EXPECT_EQ(length("99999999999999999999999999"), UINT64_MAX);
  EXPECT_EQ(length("007"), 7U);
}

TEST(RequestHead, HostIsOne) {
  const auto host = [](std::string_view value) {
    return judge("GET / HTTP/1.1\r\nHost: " + std::string(value) + "\r\n\r\n");
  };
  for (const auto* good : {"h", "shop.example:5000", "[::1]:80", "127.0.0.1", "a_b", "h:"})
    EXPECT_EQ(host(good), 200) << good;
  for (const auto* bad : {"", "a, b", "a b", "a/b", "u@h", "h:8x", "h:1:2", "[::1", "[]", "h?x",
                          "[::1]x", ":80", "h:123456", "a[b]"})
    EXPECT_EQ(host(bad), 400) << bad;
}

}  // namespace
}  // namespace stoa::http
