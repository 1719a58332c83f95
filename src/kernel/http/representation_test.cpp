#include "kernel/http/representation.hpp"

#include <gtest/gtest.h>

namespace stoa::http {
namespace {

Codecs halves() {
  const auto half = [](std::string_view text) {
    return std::string(text.substr(0, text.size() / 2));
  };
  return {half, half};
}

TEST(CodingFor, FollowsTheWeights) {
  EXPECT_EQ(coding_for(""), Coding::identity);
  EXPECT_EQ(coding_for("gzip"), Coding::gzip);
  EXPECT_EQ(coding_for("gzip, deflate, br, zstd"), Coding::zstd);
  EXPECT_EQ(coding_for("zstd;q=0.5, gzip;q=0.9"), Coding::gzip);
  EXPECT_EQ(coding_for("GZIP;q=1.0"), Coding::gzip);
  EXPECT_EQ(coding_for("x-gzip"), Coding::gzip);
  EXPECT_EQ(coding_for("*"), Coding::zstd);
  EXPECT_EQ(coding_for("*;q=0.1, zstd;q=0"), Coding::gzip);
  EXPECT_EQ(coding_for("gzip;q=0"), Coding::identity);
  EXPECT_EQ(coding_for("gzip;q=0.000, *;q=0"), Coding::identity);
  EXPECT_EQ(coding_for("identity, gzip;q=0.5"), Coding::identity);
  EXPECT_EQ(coding_for("gzip;q=0.5, identity;q=0.4"), Coding::gzip);
  EXPECT_EQ(coding_for("br"), Coding::identity);
  EXPECT_EQ(coding_for("identity;q=0"), Coding::identity) << "there is nothing else";
  for (const auto* text : {"gzip;q=2", "gzip;q=", "gzip;q=0.1234", "gzip;q=x", ";;;", ",,,"})
    EXPECT_EQ(coding_for(text), Coding::identity) << text;
  EXPECT_EQ(coding_for(" , gzip ; q=0.3 ,"), Coding::gzip);
}

TEST(Encode, LeavesSmallBodiesAndThoseThatGrow) {
  const std::string body(2'000, 'x');
  EXPECT_EQ(encode(halves(), Coding::gzip, body).value().size(), 1'000U);
  EXPECT_FALSE(encode(halves(), Coding::identity, body));
  EXPECT_FALSE(encode(halves(), Coding::gzip, std::string(1'023, 'x')));
  const auto grow = [](std::string_view text) { return std::string(text) + "x"; };
  EXPECT_FALSE(encode({grow, grow}, Coding::zstd, body));
}

TEST(Tag, EachFormHasItsOwn) {
  EXPECT_EQ(revision_tag(12), "\"12\"");
  EXPECT_EQ(tag_of("\"12\"", Coding::gzip), "\"12-gzip\"");
  EXPECT_EQ(tag_of("\"12\"", Coding::identity), "\"12\"");
  EXPECT_EQ(tag_of("", Coding::gzip), "");
}

bool is_304(const std::string& condition) {
  Request request;
  request.headers = {{"if-none-match", condition}};
  Response response{
      200, "body", "application/json", {{"ETag", "\"12-gzip\""}, {"Content-Encoding", "gzip"}}};
  apply_condition(response, request);
  if (response.status != 304) return false;
  EXPECT_TRUE(response.body.empty());
  EXPECT_EQ(header_of(response, "ETag"), "\"12-gzip\"");
  EXPECT_EQ(header_of(response, "Content-Encoding"), "");
  return true;
}

TEST(Condition, ComparesWeakly_AgainstTheFormThatWouldBeSent) {
  EXPECT_TRUE(is_304("\"12-gzip\""));
  EXPECT_TRUE(is_304("\"7\", W/\"12-gzip\""));
  EXPECT_TRUE(is_304("*"));
  EXPECT_FALSE(is_304("\"12\""));
  EXPECT_FALSE(is_304("12-gzip"));
  EXPECT_FALSE(is_304(""));
}

TEST(Kept, ComesBackInTheFormThatSuits) {
  const std::string body(2'000, 'x');
  const auto packed = pack(halves(), "\"3\"", body);
  const auto asked = [&](const std::string& accepted) {
    Request request;
    request.headers = {{"accept-encoding", accepted}};
    return response_of(unpack(packed), request);
  };
  EXPECT_EQ(asked("").body, body);
  EXPECT_TRUE(asked("").negotiated);
  EXPECT_EQ(header_of(asked(""), "ETag"), "\"3\"");
  const auto gzip = asked("gzip");
  EXPECT_EQ(gzip.body.size(), 1'000U);
  EXPECT_EQ(header_of(gzip, "Content-Encoding"), "gzip");
  EXPECT_EQ(header_of(gzip, "ETag"), "\"3-gzip\"");
  const auto small = pack(halves(), "\"3\"", "{}");
  Request request;
  request.headers = {{"accept-encoding", "gzip"}};
  EXPECT_EQ(response_of(unpack(small), request).body, "{}");
  EXPECT_EQ(header_of(response_of(unpack(small), request), "ETag"), "\"3\"");
}

TEST(Vary, NamesEachFieldOnce) {
  Response response;
  vary_by(response, "Authorization");
  vary_by(response, "Accept-Encoding");
  vary_by(response, "accept-encoding");
  EXPECT_EQ(header_of(response, "Vary"), "Authorization, Accept-Encoding");
}

}  // namespace
}  // namespace stoa::http
