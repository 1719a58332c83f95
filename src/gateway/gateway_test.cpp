#include "gateway/gateway.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace stoa {
namespace {

/// The first 32 bytes stand for the hash.
class PlainCrypto final : public Crypto {
 public:
  [[nodiscard]] Digest sha256(std::string_view data) const override {
    Digest digest{};
    std::copy_n(data.begin(), std::min(data.size(), digest.size()), digest.begin());
    return digest;
  }
  [[nodiscard]] Digest hmac_sha256(std::string_view, std::string_view) const override { return {}; }
  void random_bytes(std::span<std::uint8_t>) const override {}
  [[nodiscard]] std::string seal(const SealingKey&, std::string_view,
                                 std::string_view) const override {
    return {};
  }
  [[nodiscard]] std::optional<std::string> unseal(const SealingKey&, std::string_view,
                                                  std::string_view) const override {
    return {};
  }
};

/// Stands at catalog=12; waits end when the test says so.
class FakePositions final : public Positions {
 public:
  [[nodiscard]] PositionVector durable() const override { return {{"catalog", 12}}; }
  [[nodiscard]] bool stands_at(const PositionVector& positions) const override {
    return positions == durable();
  }
  void when_reached(PositionVector wanted, std::function<void(bool)> then) override {
    if (wanted.front().second <= 12) return then(true);
    waits.push_back(std::move(then));
  }
  std::vector<std::function<void(bool)>> waits;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

class GatewayTest : public testing::Test {
 protected:
  GatewayTest() {
    add("/secret", http::Access::secret);
    add("/public", http::Access::publishable);
    router_.add({"GET", "/throw", http::Access::open, "", "",
                 [](const auto&, const auto&) { throw std::runtime_error("a defect"); }});
    gateway_ = make_gateway({crypto_.sha256("sk_1"), crypto_.sha256("pk_1"), "/nowhere", "1.0",
                             [this] { return ready_; }},
                            router_, crypto_, clock_, *ids_, metrics_, log_, positions_);
  }
  /// Another gateway over the same routes would add the own ones twice.
  void limit(RateLimit limit) {
    router_ = {};
    add("/secret", http::Access::secret);
    add("/public", http::Access::publishable);
    limiter_ = make_memory_rate_limiter(limit);
    gateway_ =
        make_gateway({crypto_.sha256("sk_1"), crypto_.sha256("pk_1"), "/nowhere", "1.0",
                      [this] { return ready_; }, limit},
                     router_, crypto_, clock_, *ids_, metrics_, log_, positions_, limiter_.get());
  }
  void add(std::string path, http::Access access) {
    router_.add({"GET", std::move(path), access, "", "",
                 [](const http::RequestPtr&, const http::Reply& reply) { reply({}); }});
  }

  http::Response send(std::string path, Headers headers = {}, std::string method = "GET") {
    auto request = std::make_shared<http::Request>();
    request->method = std::move(method);
    request->path = std::move(path);
    request->headers = std::move(headers);
    request->client_address = address_;
    http::Response answer;
    testing::internal::CaptureStderr();
    gateway_->handle(request, [&](http::Response response) { answer = std::move(response); });
    logged_ = testing::internal::GetCapturedStderr();
    return answer;
  }
  int with_key(std::string path, const std::string& key) {
    return send(std::move(path), {{"authorization", "Bearer " + key}}).status;
  }
  static std::string header(const http::Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers)
      if (key == name) return value;
    return "";
  }

  PlainCrypto crypto_;
  SystemClock clock_;
  std::unique_ptr<IdSource> ids_ = make_uuid_v7_source(clock_);
  http::Router router_;
  telemetry::Metrics metrics_;
  telemetry::Log log_{clock_, telemetry::Level::debug};
  FakePositions positions_;
  bool ready_ = true;
  std::string address_ = "192.0.2.1";
  std::unique_ptr<RateLimiter> limiter_;
  std::string logged_;
  std::vector<http::Response> answers_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(GatewayTest, KeysOpenTheirRoutes) {
  EXPECT_EQ(send("/secret").status, 401);
  EXPECT_EQ(send("/public").status, 401);
  EXPECT_EQ(with_key("/secret", "sk_1"), 200);
  EXPECT_EQ(with_key("/secret", "pk_1"), 403);
  EXPECT_EQ(with_key("/secret", "sk_2"), 401);
  EXPECT_EQ(with_key("/public", "pk_1"), 200);
  EXPECT_EQ(with_key("/public", "sk_1"), 200);
  EXPECT_EQ(send("/public", {{"authorization", "Basic cGtfMTo="}}).status, 401);
  EXPECT_EQ(header(send("/secret"), "WWW-Authenticate"), "Bearer");
}

TEST_F(GatewayTest, UnknownPathsAndMethods) {
  EXPECT_EQ(send("/nothing").status, 404);
  const auto answer = send("/secret", {}, "DELETE");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(header(answer, "Allow"), "GET, HEAD");
}

/// The first version of an operation beside the second, as both will be served for a while.
struct TwoVersions : GatewayTest {
  TwoVersions() {
    router_.add({.method = "GET",
                 .path = "/v1/greetings/{name}",
                 .access = http::Access::publishable,
                 .summary = "A greeting",
                 .tag = "Greetings",
                 .handler =
                     [](const http::RequestPtr& request, const http::Reply& reply) {
                       reply({200, R"({"text":"Hello )" + request->param("name") + R"("})"});
                     },
                 .lifecycle = http::Lifecycle{
                     *from_rfc3339("2026-11-24T09:30:00Z"), from_rfc3339("2027-05-24T00:00:00Z"),
                     "/v2/greetings/{name}", "https://example.org/greetings-v2"}});
    router_.add({.method = "GET",
                 .path = "/v2/greetings/{name}",
                 .access = http::Access::publishable,
                 .summary = "A greeting in parts",
                 .tag = "Greetings",
                 .handler = [](const http::RequestPtr& request, const http::Reply& reply) {
                   reply({200, R"({"word":"Hello","name":")" + request->param("name") + R"("})"});
                 }});
  }
  static std::vector<std::string> links(const http::Response& response) {
    std::vector<std::string> found;
    for (const auto& [name, value] : response.headers)
      if (name == "Link") found.push_back(value);
    return found;
  }
};

TEST_F(TwoVersions, BothAreServed_AndTheOlderSaysThatItsTimeIsLimited) {
  const auto old = send("/v1/greetings/Ada", {{"authorization", "Bearer pk_1"}});
  EXPECT_EQ(old.body, R"({"text":"Hello Ada"})");
  EXPECT_EQ(header(old, "Deprecation"), "@1795512600");
  EXPECT_EQ(header(old, "Sunset"), "Mon, 24 May 2027 00:00:00 GMT");
  EXPECT_EQ(links(old),
            (std::vector<std::string>{"</v2/greetings/Ada>; rel=\"successor-version\"",
                                      "<https://example.org/greetings-v2>; rel=\"deprecation\""}));
  const auto present = send("/v2/greetings/Ada", {{"authorization", "Bearer pk_1"}});
  EXPECT_EQ(present.body, R"({"word":"Hello","name":"Ada"})");
  EXPECT_EQ(header(present, "Deprecation") + header(present, "Sunset"), "");
  EXPECT_TRUE(links(present).empty());
}

TEST_F(TwoVersions, ARefusalOfTheOlderSaysSoToo) {
  const auto refused = send("/v1/greetings/Ada");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(header(refused, "Deprecation"), "@1795512600");
}

TEST_F(TwoVersions, OpenApiDescribesBoth) {
  const auto described = http::openapi(router_, "1.0");
  EXPECT_NE(described.find(R"("operationId":"getV1GreetingsName","deprecated":true)"),
            std::string::npos);
  EXPECT_NE(described.find(R"("operationId":"getV2GreetingsName","summary")"), std::string::npos);
}

TEST_F(TwoVersions, AVersionThatThereIsNot_NamesThoseThatThereAre) {
  const auto answer = send("/v9/greetings/Ada", {{"authorization", "Bearer pk_1"}});
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.content_type, "application/problem+json");
  EXPECT_NE(answer.body.find(R"("code":"unknown_api_version")"), std::string::npos);
  EXPECT_NE(answer.body.find("v1, v2."), std::string::npos) << answer.body;
  for (const auto* other :
       {"/v2/nothing", "/v01x/greetings/Ada", "/v0/x", "/v/x", "/v99999999999/x"})
    EXPECT_NE(send(other).body.find("route_not_found"), std::string::npos) << other;
}

TEST_F(GatewayTest, TheRouteIsFoundOnce_WithItsLimits) {
  router_.add({.method = "GET",
               .path = "/things/{name}",
               .access = http::Access::open,
               .summary = "",
               .tag = "",
               .handler = [](const http::RequestPtr& request,
                             const http::Reply& reply) { reply({200, request->param("name")}); },
               .limits = {.body_bytes_max = 7}});
  auto request = std::make_shared<http::Request>();
  request->method = "GET";
  request->path = "/things/caf%C3%A9";
  EXPECT_EQ(gateway_->limits(*request).body_bytes_max, 7U);
  ASSERT_NE(request->route, nullptr);
  EXPECT_EQ(request->route->path, "/things/{name}");
  std::string body;
  gateway_->handle(request, [&](const http::Response& response) { body = response.body; });
  EXPECT_EQ(body, "café");
  EXPECT_EQ(request->params.size(), 1U);
}

TEST_F(GatewayTest, WithoutARoute_TheLimitsAreTheUsualOnes_AndTheAnswerIsTheSame) {
  auto request = std::make_shared<http::Request>();
  request->method = "GET";
  request->path = "/nothing";
  EXPECT_EQ(gateway_->limits(*request).body_bytes_max, http::RouteLimits{}.body_bytes_max);
  EXPECT_EQ(request->route, nullptr);
  int status = 0;
  gateway_->handle(request, [&](const http::Response& response) { status = response.status; });
  EXPECT_EQ(status, 404);
}

TEST_F(GatewayTest, RequestIdAndTraceAreKeptOrMade) {
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto kept = send("/health/live", {{"x-request-id", "r-1"}, {"traceparent", parent}});
  EXPECT_EQ(header(kept, "X-Request-Id"), "r-1");
  EXPECT_EQ(header(kept, "traceparent"), parent);
  const auto made = send("/health/live", {{"x-request-id", "a b"}, {"traceparent", "00-1"}});
  EXPECT_EQ(header(made, "X-Request-Id").size(), 26U);
  EXPECT_EQ(header(made, "traceparent").size(), 55U);
}

TEST_F(GatewayTest, Defect_Is500_AndLogged_WithoutItsTextInTheAnswer) {
  const auto answer = send("/throw");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("a defect"), std::string::npos);
  EXPECT_NE(logged_.find("a defect"), std::string::npos);
  EXPECT_NE(logged_.find("trace_id"), std::string::npos);
}

TEST_F(GatewayTest, LogAndMetricsHoldTheTemplateAlone) {
  send("/swagger/private-name", {{"authorization", "Bearer sk_1"}});
  EXPECT_NE(logged_.find("/swagger/{file}"), std::string::npos);
  EXPECT_EQ(logged_.find("private-name"), std::string::npos);
  EXPECT_EQ(logged_.find("sk_1"), std::string::npos);
  const auto text = send("/metrics").body;
  EXPECT_NE(text.find("stoa_http_requests_total{route=\"/swagger/{file}\",method=\"GET\","
                      "status=\"404\"} 1\n"),
            std::string::npos)
      << text;
}

TEST_F(GatewayTest, WithoutALimit_NothingIsCounted) {
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(with_key("/secret", "sk_1"), 200);
  EXPECT_EQ(header(send("/public"), "RateLimit"), "");
}

TEST_F(GatewayTest, BeyondTheRate_Is429_WithWhatTheClientMayDo) {
  limit({1, 3});
  const Headers key{{"authorization", "Bearer sk_1"}};
  const auto first = send("/secret", key);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(header(first, "RateLimit-Policy"), "\"client\";q=3;w=3");
  EXPECT_EQ(header(first, "RateLimit"), "\"client\";r=2;t=1");
  EXPECT_EQ(header(first, "Retry-After"), "");
  send("/secret", key);
  send("/secret", key);
  const auto refused = send("/secret", key);
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find("\"code\":\"rate_limited\""), std::string::npos);
  EXPECT_EQ(header(refused, "RateLimit"), "\"client\";r=0;t=3");
  EXPECT_EQ(header(refused, "Retry-After"), "1");
  EXPECT_NE(header(refused, "X-Request-Id"), "");
}

TEST_F(GatewayTest, ClientsAreTheSecretKeyAndElseAddresses) {
  limit({1, 1});
  EXPECT_EQ(with_key("/secret", "sk_1"), 200);
  EXPECT_EQ(with_key("/public", "pk_1"), 200) << "the address of the key's user is another client";
  EXPECT_EQ(with_key("/public", "pk_1"), 429);
  EXPECT_EQ(send("/nothing").status, 429) << "the same address without a key";
  address_ = "192.0.2.2";
  EXPECT_EQ(with_key("/public", "pk_1"), 200);
  EXPECT_EQ(with_key("/secret", "sk_1"), 429) << "one key at another address";
}

TEST_F(GatewayTest, GuessingKeysAndPathsIsLimitedToo) {
  limit({1, 2});
  EXPECT_EQ(with_key("/secret", "sk_2"), 401);
  EXPECT_EQ(send("/nothing").status, 404);
  EXPECT_EQ(with_key("/secret", "sk_2"), 429);
}

TEST_F(GatewayTest, MonitorsAreNotLimited) {
  limit({1, 1});
  for (int i = 0; i < 20; ++i)
    for (const auto* path : {"/health/live", "/health/ready", "/metrics"})
      EXPECT_EQ(send(path).status, 200) << path;
  ready_ = false;
  EXPECT_EQ(header(send("/health/ready"), "Retry-After"), "1");
}

TEST_F(GatewayTest, AnswersSayWhatIsDurable_ButNotToStrangers) {
  EXPECT_EQ(header(send("/public", {{"authorization", "Bearer pk_1"}}), "Stoa-Position"),
            "catalog=12");
  EXPECT_EQ(header(send("/health/live"), "Stoa-Position"), "");
  EXPECT_EQ(header(send("/public"), "Stoa-Position"), "") << "refused without a key";
}

TEST_F(GatewayTest, ARead_WaitsForItsPosition) {
  const Headers headers{{"authorization", "Bearer sk_1"}, {"stoa-position", "catalog=13"}};
  const auto ask = [&] {
    const auto request = std::make_shared<http::Request>();
    request->method = "GET";
    request->path = "/secret";
    request->headers = headers;
    gateway_->handle(request, [this](http::Response one) { answers_.push_back(std::move(one)); });
  };
  ask();
  ask();
  ASSERT_EQ(positions_.waits.size(), 2U);
  EXPECT_TRUE(answers_.empty());
  positions_.waits[0](true);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].status, 200);
  positions_.waits[1](false);
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(answers_[1].status, 503);
  EXPECT_NE(answers_[1].body.find("position_not_reached"), std::string::npos);
  EXPECT_EQ(header(answers_[1], "Retry-After"), "1");
}

TEST_F(GatewayTest, AReachedPosition_IsNotWaitedFor) {
  EXPECT_EQ(
      send("/public", {{"authorization", "Bearer pk_1"}, {"stoa-position", "catalog=12"}}).status,
      200);
}

TEST_F(GatewayTest, AMalformedOrForeignPosition_IsNamed) {
  for (const auto* text : {"12", "catalog=x", "elsewhere=1"}) {
    const auto answer =
        send("/public", {{"authorization", "Bearer pk_1"}, {"stoa-position", text}});
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_NE(answer.body.find("header/Stoa-Position"), std::string::npos) << text;
  }
}

TEST_F(GatewayTest, OwnPages) {
  for (const auto* path : {"/", "/health/live", "/health/ready", "/metrics", "/openapi.json"})
    EXPECT_EQ(send(path).status, 200) << path;
  EXPECT_EQ(send("/swagger").status, 404);
  EXPECT_NE(header(send("/"), "Content-Security-Policy"), "");
  ready_ = false;
  EXPECT_EQ(send("/health/ready").status, 503);
  EXPECT_EQ(send("/health/live").status, 200);
}

TEST_F(GatewayTest, SecretOfTheQuery_BecomesItsHeader_BeforeAnythingElseSeesIt) {
  http::RequestPtr seen;
  http::Route route{"GET",
                    "/stream",
                    http::Access::open,
                    "",
                    "",
                    [&](const http::RequestPtr& request, const http::Reply& reply) {
                      seen = request;
                      reply({});
                    }};
  route.secret_query = {{"token", "stoa-order-token", ""}};
  router_.add(std::move(route));
  const auto query_of = [&](std::string query, Headers headers = {}) {
    auto request = std::make_shared<http::Request>();
    request->method = "GET";
    request->path = "/stream";
    request->query = std::move(query);
    request->headers = std::move(headers);
    testing::internal::CaptureStderr();
    gateway_->handle(request, [](const http::Response&) {});
    logged_ = testing::internal::GetCapturedStderr();
    return seen->query;
  };
  EXPECT_EQ(query_of("a=1&token=ot%5F1&b=2"), "a=1&b=2");
  EXPECT_EQ(seen->header("stoa-order-token"), "ot_1");
  EXPECT_EQ(logged_.find("ot_1"), std::string::npos);
  EXPECT_EQ(query_of("%74oken=ot_1"), "");
  EXPECT_EQ(query_of("token"), "");
  EXPECT_EQ(query_of("tokens=1"), "tokens=1");
  EXPECT_EQ(query_of("token=ot_1", {{"stoa-order-token", "ot_2"}}), "");
  EXPECT_EQ(seen->header("stoa-order-token"), "ot_2") << "the header goes first";
}

TEST_F(GatewayTest, StreamsOfEachEndpoint_AreCountedApart) {
  http::Router other;
  const auto endpoint = make_gateway({.secret_key_hash = {},
                                      .publishable_key_hash = {},
                                      .swagger_folder = "/nowhere",
                                      .version = "1.0",
                                      .ready = [] { return true; },
                                      .endpoint = "catalog",
                                      .has_pages = false},
                                     other, crypto_, clock_, *ids_, metrics_, log_, positions_);
  const auto figures = metrics_.text();
  EXPECT_NE(figures.find("stoa_http_streams 0\n"), std::string::npos);
  EXPECT_NE(figures.find("stoa_http_streams{endpoint=\"catalog\"} 0\n"), std::string::npos);
}

struct SilentStream final : http::Stream {
  void next(Take) override {}
  [[nodiscard]] std::string_view heartbeat() const override { return ":"; }
};

TEST_F(GatewayTest, StreamsAreCounted_AndBeyondTheirMost503) {
  router_ = {};
  gateway_ = make_gateway({crypto_.sha256("sk_1"),
                           crypto_.sha256("pk_1"),
                           "/nowhere",
                           "1.0",
                           [] { return true; },
                           {},
                           1},
                          router_, crypto_, clock_, *ids_, metrics_, log_, positions_);
  router_.add({"GET", "/stream", http::Access::open, "", "",
               [](const http::RequestPtr&, const http::Reply& reply) {
                 http::Response response;
                 response.stream = std::make_shared<SilentStream>();
                 reply(std::move(response));
               }});
  auto first = send("/stream");
  EXPECT_TRUE(first.stream);
  const auto second = send("/stream");
  EXPECT_EQ(second.status, 503);
  EXPECT_FALSE(second.stream);
  EXPECT_EQ(header(second, "Retry-After"), "1");
  first.stream.reset();
  EXPECT_TRUE(send("/stream").stream);
}

/// Compresses to half; keeps what is left to the background until the test runs it.
class FormTest : public GatewayTest {
 protected:
  FormTest() {
    router_ = {};
    const auto half = [](std::string_view text) {
      return std::string(text.substr(0, text.size() / 2));
    };
    GatewayOptions options{crypto_.sha256("sk_1"), crypto_.sha256("pk_1"), "/nowhere", "1.0",
                           [] { return true; }};
    options.codecs = {half, half};
    options.background = [this](std::function<void()> work) {
      if (is_busy_) return false;
      background_.push_back(std::move(work));
      return true;
    };
    gateway_ = make_gateway(std::move(options), router_, crypto_, clock_, *ids_, metrics_, log_,
                            positions_);
    http::Route route{"GET",
                      "/body",
                      http::Access::open,
                      "",
                      "",
                      [this](const http::RequestPtr&, const http::Reply& reply) {
                        http::Response response{200, body_, type_, headers_};
                        response.negotiated = negotiated_;
                        reply(std::move(response));
                      }};
    router_.add(route);
    route.path = "/secrets";
    route.holds_secrets = true;
    router_.add(route);
    route.method = "POST";
    route.holds_secrets = false;
    route.path = "/body";
    router_.add(route);
  }
  http::Response get(Headers headers, std::string path = "/body", std::string method = "GET") {
    return send(std::move(path), std::move(headers), std::move(method));
  }
  std::string body_ = std::string(2'000, 'x');
  std::string type_ = "application/json";
  Headers headers_;
  std::vector<std::function<void()>> background_;
  bool is_busy_ = false;
  bool negotiated_ = false;
};

TEST_F(FormTest, AnswersAreCompressed_AndSayThatTheyVary) {
  const auto packed = get({{"accept-encoding", "gzip"}});
  EXPECT_EQ(packed.body.size(), 1'000U);
  EXPECT_EQ(header(packed, "Content-Encoding"), "gzip");
  EXPECT_EQ(header(packed, "Vary"), "Accept-Encoding");
  EXPECT_EQ(header(get({}), "Vary"), "Accept-Encoding");
  EXPECT_EQ(get({}).body.size(), 2'000U);
}

TEST_F(FormTest, WhatMustNotBeCompressed_IsNot) {
  const Headers gzip{{"accept-encoding", "gzip"}};
  EXPECT_EQ(get(gzip, "/secrets").body.size(), 2'000U);
  EXPECT_EQ(get(gzip, "/body", "POST").body.size(), 2'000U);
  type_ = "image/png";
  EXPECT_EQ(get(gzip).body.size(), 2'000U);
  type_ = "application/json";
  headers_ = {{"Content-Encoding", "zstd"}};
  EXPECT_EQ(get(gzip).body.size(), 2'000U);
  headers_ = {};
  body_ = "small";
  EXPECT_EQ(get(gzip).body, "small");
  EXPECT_EQ(header(get(gzip), "Vary"), "");
}

TEST_F(FormTest, NothingIsKept_UnlessItsRouteSaysSo) {
  EXPECT_EQ(header(get({}), "Cache-Control"), "no-store");
  EXPECT_EQ(header(get({}), "ETag"), "");
  headers_ = {{"Cache-Control", "no-cache"}};
  const auto tag = header(get({}), "ETag");
  EXPECT_FALSE(tag.empty());
  EXPECT_EQ(get({{"if-none-match", tag}}).status, 304);
  body_ = "y" + body_;
  EXPECT_NE(header(get({}), "ETag"), tag);
}

TEST_F(FormTest, KnownForm_Is304_WithoutCompressingIt) {
  headers_ = {{"ETag", "\"7\""}};
  const auto answer = get({{"accept-encoding", "gzip"}, {"if-none-match", "\"7-gzip\""}});
  EXPECT_EQ(answer.status, 304);
  EXPECT_EQ(header(answer, "ETag"), "\"7-gzip\"");
  EXPECT_EQ(header(answer, "Vary"), "Accept-Encoding");
  EXPECT_TRUE(answer.body.empty());
  EXPECT_EQ(get({{"accept-encoding", "gzip"}, {"if-none-match", "\"7\""}}).status, 200);
}

TEST_F(FormTest, LargeAnswerOfAHandler_IsFinishedElsewhere_OrSentAsItIs) {
  body_ = std::string(100'000, 'x');
  http::Response answer;
  auto request = std::make_shared<http::Request>();
  request->method = "GET";
  request->path = "/body";
  request->headers = {{"accept-encoding", "gzip"}};
  gateway_->handle(request, [&](http::Response response) { answer = std::move(response); });
  EXPECT_TRUE(answer.body.empty()) << "not on the handler's thread";
  ASSERT_EQ(background_.size(), 1U);
  background_[0]();
  EXPECT_EQ(answer.body.size(), 50'000U);
  is_busy_ = true;
  EXPECT_EQ(get({{"accept-encoding", "gzip"}}).body.size(), 100'000U);
}

TEST_F(FormTest, NegotiatedAnswer_StaysAsItIs_OnItsThread) {
  negotiated_ = true;
  body_ = std::string(100'000, 'x');
  headers_ = {{"ETag", "\"7\""}};
  const auto answer = get({{"accept-encoding", "gzip"}});
  EXPECT_EQ(answer.body.size(), 100'000U);
  EXPECT_EQ(header(answer, "Vary"), "");
  EXPECT_TRUE(background_.empty());
  EXPECT_EQ(get({{"if-none-match", "\"7\""}}).status, 304);
}

TEST_F(FormTest, CompressedRequest_Is415) {
  auto request = std::make_shared<http::Request>();
  request->method = "POST";
  request->path = "/body";
  request->body = "x";
  request->headers = {{"content-encoding", "gzip"}};
  int status = 0;
  gateway_->handle(request, [&](const http::Response& response) { status = response.status; });
  EXPECT_EQ(status, 415);
}

}  // namespace
}  // namespace stoa
