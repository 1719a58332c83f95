#include "kernel/http/chunked_body.hpp"

#include <gtest/gtest.h>

namespace stoa::http {
namespace {

struct Outcome {
  int status = 0;  ///< of the fault; 200 at the end, 0 when more is needed
  std::string body;
  std::size_t taken = 0;
};

/// Given in pieces of `piece` bytes.
Outcome read(std::string_view bytes, std::size_t piece, std::size_t body_bytes_max = 100) {
  ChunkedBody chunks(body_bytes_max);
  Outcome outcome;
  while (!chunks.is_done() && outcome.taken < bytes.size()) {
    const auto taken = chunks.take(bytes.substr(outcome.taken, piece), outcome.body);
    if (!taken) {
      outcome.status = taken.error().status;
      return outcome;
    }
    outcome.taken += *taken;
  }
  outcome.status = chunks.is_done() ? 200 : 0;
  return outcome;
}

TEST(ChunkedBody, IsPutTogether_InAnyPieces) {
  const std::string good =
      "3\r\nabc\r\n0A;ext;n=v;q=\"a\\\";\"\r\n0123456789\r\n000\r\nX-Sum: 1\r\n\r\n";
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
    const auto outcome = read(good + "GET", piece);
    EXPECT_EQ(outcome.status, 200) << piece;
    EXPECT_EQ(outcome.body, "abc0123456789");
    EXPECT_EQ(outcome.taken, good.size());
  }
}

TEST(ChunkedBody, NeedsItsWholeEnd) {
  const std::string bytes = "1\r\na\r\n0\r\n\r\n";
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(read(bytes.substr(0, size), 100).status, 0) << size;
  EXPECT_EQ(read(bytes, 100).status, 200);
}

TEST(ChunkedBody, WhatIsNotExact_IsRefused) {
  for (const auto* bytes : {"\r\n",
                            "x\r\n",
                            "0x1\r\na\r\n",
                            "-1\r\n",
                            "+1\r\n",
                            " 1\r\n",
                            "1 \r\na",
                            "1\na\r\n",
                            "1\r\r",
                            "1\r\nab",
                            "1\r\na\n",
                            "1\r\na\rb",
                            "00000000000000001\r\na",
                            "1;\r\na",
                            "1;=b\r\n",
                            "1;a=\r\n",
                            "1;a= b\r\n",
                            "1 ;a\r\n",
                            "1;a;\r\n",
                            "1;a=\"b\"c\r\n",
                            "1;a=\"\n\"\r\n",
                            "1;a=\"\r\"\r\n",
                            "1;a\nx\r\n",
                            "0\r\n\n",
                            "0\r\nX: 1\n\r\n",
                            "0\r\n X: 1\r\n\r\n",
                            "0\r\nX : 1\r\n\r\n",
                            "0\r\nX\r\n\r\n",
                            "0\r\nX: 1\r\n y\r\n\r\n",
                            "0\r\nContent-Length: 1\r\n\r\n",
                            "0\r\nHost: h\r\n\r\n",
                            "0\r\ntransfer-encoding: chunked\r\n\r\n",
                            "0\r\nX: 1\rY: 2\r\n\r\n"})
    EXPECT_EQ(read(bytes, 100).status, 400) << bytes;
}

TEST(ChunkedBody, Limits) {
  EXPECT_EQ(read("5\r\nabcde\r\n5\r\nfghij\r\n0\r\n\r\n", 100, 10).status, 200);
  EXPECT_EQ(read("5\r\nabcde\r\n6\r\n", 100, 10).status, 413);
  EXPECT_EQ(read("ffffffffffffffff\r\n", 100, 10).status, 413);
  EXPECT_EQ(read("1;" + std::string(5'000, 'a') + "\r\n", 10'000).status, 400);
  EXPECT_EQ(read("0\r\nX: " + std::string(head_bytes_max, 'a'), 100'000).status, 431);
  std::string trailers;
  for (std::size_t i = 0; i < head_fields_max; ++i) trailers += "A: b\r\n";
  EXPECT_EQ(read("0\r\n" + trailers + "\r\n", 100'000).status, 200);
  EXPECT_EQ(read("0\r\n" + trailers + "A: b\r\n\r\n", 100'000).status, 431);
}

}  // namespace
}  // namespace stoa::http
