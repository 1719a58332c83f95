#include "gateway/forwarder.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <future>
#include <limits>
#include <mutex>
#include <thread>

#include "platform/beast/http_client.hpp"
#include "platform/beast/http_server.hpp"
#include "platform/beast/upstream.hpp"

namespace stoa {
namespace {

using namespace std::chrono_literals;
using http::UpstreamFault;

/// A server that does with each connection what it is told, one after another.
class RawServer {
 public:
  explicit RawServer(std::function<void(int connection)> each)
      : each_(std::move(each)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int fd = 0; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) {
        ++connections_;
        each_(fd);
        ::close(fd);
      }
    });
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] http::Origin origin() const { return {"127.0.0.1", port_}; }
  [[nodiscard]] int connections() const { return connections_; }

  /// The request's head and what came with it.
  static std::string read(int fd) {
    std::string text;
    char bytes[4096];
    while (text.find("\r\n\r\n") == std::string::npos) {
      const auto count = ::recv(fd, bytes, sizeof bytes, 0);
      if (count <= 0) break;
      text.append(bytes, static_cast<std::size_t>(count));
    }
    return text;
  }
  static void write(int fd, std::string_view text) {
    std::ignore = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }

 private:
  std::function<void(int)> each_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

/// A client that says what it likes, when it likes.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { leave(); }

  void write(std::string_view text) const { RawServer::write(fd_, text); }
  [[nodiscard]] std::string read() const { return RawServer::read(fd_); }
  /// What the other side takes within a while of a body without end.
  [[nodiscard]] std::size_t write_until_held() const {
    const std::string piece(64 * 1024, 'x');
    std::size_t taken = 0;
    for (int idle = 0; idle < 20;) {
      const auto count = ::send(fd_, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) {
        taken += static_cast<std::size_t>(count);
        idle = 0;
        continue;
      }
      ++idle;
      std::this_thread::sleep_for(50ms);
    }
    return taken;
  }
  void leave() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

/// A piece each time, the number of its turn; the last one is the end.
class Counting final : public http::Stream {
 public:
  Counting(int pieces, std::atomic<int>& taken) : pieces_(pieces), taken_(taken) {}
  void next(Take take) override {
    if (at_ == pieces_) return take({});
    ++taken_;
    take(std::string(64 * 1024, static_cast<char>('a' + at_++ % 26)));
  }
  [[nodiscard]] std::string_view heartbeat() const override { return {}; }

 private:
  int pieces_;
  std::atomic<int>& taken_;
  int at_ = 0;
};

/// A gateway's port in front of a service's.
class ForwarderTest : public testing::Test {
 protected:
  ForwarderTest() {
    service_ = start([this](const std::shared_ptr<http::Request>& request,
                            const http::Reply& reply) { serve(request, reply); });
    forwarder_.add("catalog");
    forwarder_.instances("catalog").set({origin_of(*service_)});
    front_ = start(
        [to = forwarder_.to("catalog")](const std::shared_ptr<http::Request>& request,
                                        const http::Reply& reply) {
          request->request_id = "request-1";
          request->traceparent = "trace-1";
          to(request, reply);
        },
        kept_bytes);
  }
  ~ForwarderTest() override { front_ = nullptr; }

  static constexpr std::size_t bytes_max = std::size_t{64} << 20;
  static std::unique_ptr<beast::HttpServer> start(
      beast::HttpServer::Handle handle,
      std::size_t whole_bytes_max = std::numeric_limits<std::size_t>::max()) {
    beast::HttpServerOptions options;
    options.body_timeout = 2s;
    auto server =
        beast::make_http_server(options, std::move(handle), [whole_bytes_max](http::Request&) {
          return http::RouteLimits{bytes_max, 5s, whole_bytes_max};
        });
    server->start();
    return server;
  }
  static http::Origin origin_of(const beast::HttpServer& server) {
    return {"127.0.0.1", server.port()};
  }

  static constexpr std::size_t kept_bytes = std::size_t{64} << 10;

  void serve(const std::shared_ptr<http::Request>& request, const http::Reply& reply) {
    {
      const std::lock_guard lock(mutex_);
      seen_ = *request;
      ++requests_;
    }
    if (request->path == "/echo")
      return reply({201, request->body, "text/plain", {{"X-One", "1"}, {"ETag", "\"7\""}}});
    if (request->path == "/large")
      return reply({200, std::string(std::size_t{3} << 20, 'x'), "text/plain", {}});
    if (request->path == "/position")
      return reply({200, "", "text/plain", {{"Stoa-Position", "catalog=12,shop=2"}}});
    http::Response response{200, "first,", "text/event-stream", {}};
    response.stream =
        std::make_shared<Counting>(request->path == "/pieces" ? 40 : 1'000'000, taken_);
    streamed_ = response.stream;
    reply(std::move(response));
  }

  beast::ClientResponse ask(std::string_view method, std::string_view target,
                            const beast::Headers& headers = {}, std::string_view body = {}) {
    auto answer = client().send(method, target, headers, body);
    EXPECT_TRUE(answer) << answer.error().detail;
    return answer ? *answer : beast::ClientResponse{};
  }
  [[nodiscard]] beast::HttpClient client() const {
    return beast::HttpClient("127.0.0.1", front_->port(), 10s);
  }
  static std::string header(const beast::ClientResponse& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers)
      if (key == name) return value;
    return {};
  }
  http::Request seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::string figure(const std::string& outcome) {
    const auto text = metrics_.text();
    const auto name =
        "stoa_upstream_requests_total{service=\"catalog\",outcome=\"" + outcome + "\"} ";
    const auto at = text.find(name);
    return at == std::string::npos
               ? "none"
               : text.substr(at + name.size(), text.find('\n', at) - at - name.size());
  }
  http::UpstreamAnswer ask_directly(http::UpstreamRequest request) {
    std::promise<http::UpstreamAnswer> promise;
    forwarder_.ask("catalog", std::move(request),
                   [&](http::UpstreamAnswer answer) { promise.set_value(std::move(answer)); });
    return promise.get_future().get();
  }

  SystemClock clock_;
  telemetry::Metrics metrics_;
  std::mutex mutex_;
  http::Request seen_;
  int requests_ = 0;
  std::atomic<int> taken_{0};
  std::weak_ptr<http::Stream> streamed_;
  std::unique_ptr<http::Upstream> upstream_ = beast::make_upstream();
  Forwarder forwarder_{{*upstream_, clock_, metrics_}};
  std::unique_ptr<beast::HttpServer> service_, front_;
};

TEST_F(ForwarderTest, ARequestAndItsAnswerPassThrough) {
  const auto answer = ask("POST", "/echo?a=%20b", {{"X-Mine", "yes"}}, "the body");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, "the body");
  EXPECT_EQ(header(answer, "x-one"), "1");
  EXPECT_EQ(header(answer, "etag"), "\"7\"");
  EXPECT_EQ(header(answer, "content-type"), "text/plain");
  const auto request = seen();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.query, "a=%20b");
  EXPECT_EQ(request.header("x-mine"), "yes");
  EXPECT_EQ(request.header("x-request-id"), "request-1");
  EXPECT_EQ(request.header("traceparent"), "trace-1");
}

TEST_F(ForwarderTest, WhatIsOfTheConnectionStays_AndWhoAskedIsTold) {
  ask("POST", "/echo",
      {{"Connection", "keep-alive, X-Hop"},
       {"X-Hop", "1"},
       {"TE", "trailers"},
       {"X-Forwarded-For", "192.0.2.7"},
       {"X-Request-Id", "theirs"}},
      "b");
  const auto request = seen();
  EXPECT_EQ(request.header("x-hop"), "");
  EXPECT_EQ(request.header("te"), "");
  EXPECT_EQ(request.header("connection"), "");
  EXPECT_EQ(request.header("x-forwarded-for"), "192.0.2.7, 127.0.0.1");
  EXPECT_EQ(request.header("x-forwarded-proto"), "http");
  EXPECT_EQ(request.header("host"), "127.0.0.1:" + std::to_string(front_->port()));
  EXPECT_EQ(request.header("x-request-id"), "request-1");
}

TEST_F(ForwarderTest, ConnectionsAreKept) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("POST", "/echo", {}, "b").status, 201);
  EXPECT_EQ(service_->connections(), 1U);
}

TEST_F(ForwarderTest, HeadHasTheLengthAndNoBody) {
  const auto answer = ask("HEAD", "/large");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.empty());
}

TEST_F(ForwarderTest, LargeBodiesPassBothWays) {
  EXPECT_EQ(ask("GET", "/large").body, std::string(std::size_t{3} << 20, 'x'));
  const std::string large(std::size_t{5} << 20, 'y');
  EXPECT_TRUE(ask("POST", "/echo", {}, large).body == large);
}

TEST_F(ForwarderTest, AStreamPassesWhole) {
  const auto answer = ask("GET", "/pieces");
  EXPECT_EQ(answer.body.size(), 6 + 40 * 64 * 1024);
  EXPECT_EQ(header(answer, "content-type"), "text/event-stream");
}

TEST_F(ForwarderTest, AskedForWhole_IsRead_AndWhatIsTooLongOrBreaksOffIsNone) {
  const auto whole = [this](const std::string& target) {
    std::promise<http::UpstreamAnswer> answer;
    forwarder_.ask_whole("catalog", {.target = target},
                         [&](http::UpstreamAnswer came) { answer.set_value(std::move(came)); });
    return answer.get_future().get();
  };
  const auto large = whole("/large");
  ASSERT_TRUE(large);
  EXPECT_EQ(large->body.size(), std::size_t{3} << 20);
  EXPECT_EQ(large->stream, nullptr);
  EXPECT_EQ(whole("/pieces")->body.size(), 6 + 40 * 64 * 1024);
  EXPECT_EQ(whole("/endless").error(), http::UpstreamFault::broken);
  RawServer half([](int fd) {
    RawServer::read(fd);
    RawServer::write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\nthe beginning");
  });
  forwarder_.instances("catalog").set({half.origin()});
  EXPECT_EQ(whole("/").error(), http::UpstreamFault::lost);
}

TEST_F(ForwarderTest, WhoDoesNotRead_HoldsBackTheService_AndGoing_EndsItsStream) {
  const auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(front_->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  RawServer::write(fd, "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
  int before = -1;
  for (int i = 0; i < 100 && before != taken_; ++i) {
    before = taken_;
    std::this_thread::sleep_for(300ms);
  }
  EXPECT_LT(taken_, 1'000) << "64 kB each: what nobody reads is kept nowhere";
  ::close(fd);
  for (int i = 0; i < 100 && !streamed_.expired(); ++i) std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(streamed_.expired());
}

TEST_F(ForwarderTest, NobodyThere_Is503) {
  service_ = nullptr;
  const auto answer = ask("POST", "/echo", {}, "b");
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("service_unavailable"), std::string::npos);
  EXPECT_FALSE(header(answer, "retry-after").empty());
}

TEST_F(ForwarderTest, WhatReachedNobody_GoesToAnother) {
  auto gone = start([](const auto&, const http::Reply& reply) { reply({}); });
  const auto origin = origin_of(*gone);
  gone = nullptr;
  forwarder_.instances("catalog").set({origin, origin_of(*service_)});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask("POST", "/echo", {}, "b").status, 201);
}

TEST_F(ForwarderTest, ALostAnswer_IsAskedForAgainOnlyWhereThatIsSafe) {
  RawServer dying([](int fd) { RawServer::read(fd); });
  forwarder_.instances("catalog").set({dying.origin()});
  const auto lost = ask("POST", "/echo", {}, "b");
  EXPECT_EQ(lost.status, 502);
  EXPECT_NE(lost.body.find("answer_lost"), std::string::npos);
  EXPECT_EQ(dying.connections(), 1);
  EXPECT_EQ(ask("POST", "/echo", {{"Idempotency-Key", "k"}}, "b").status, 502);
  EXPECT_EQ(dying.connections(), 1 + Forwarder::tries_max);
}

TEST_F(ForwarderTest, ALostAnswer_ComesFromAnotherReplica) {
  RawServer dying([](int fd) { RawServer::read(fd); });
  forwarder_.instances("catalog").set({dying.origin(), origin_of(*service_)});
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(ask("POST", "/echo", {{"Idempotency-Key", "k"}}, "b").status, 201);
}

TEST_F(ForwarderTest, AnAnswerThatBreaksOff_IsNotTakenForWhole) {
  RawServer half([](int fd) {
    RawServer::read(fd);
    RawServer::write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\nthe beginning");
  });
  forwarder_.instances("catalog").set({half.origin()});
  const auto answer = client().send("GET", "/", {}, {});
  EXPECT_FALSE(answer);
}

TEST_F(ForwarderTest, WhatIsNoAnswer_Is502) {
  RawServer odd([](int fd) {
    RawServer::read(fd);
    RawServer::write(fd, "SMTP ready\r\n\r\n");
  });
  forwarder_.instances("catalog").set({odd.origin()});
  EXPECT_EQ(ask("GET", "/").status, 502);
}

TEST_F(ForwarderTest, WhoDoesNotAnswer_IsGivenUp) {
  std::promise<void> end;
  auto ended = end.get_future().share();
  RawServer silent([ended](int fd) {
    RawServer::read(fd);
    ended.wait();
  });
  forwarder_.instances("catalog").set({silent.origin()});
  const auto answer = ask_directly({.answer_timeout = 100ms});
  end.set_value();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), UpstreamFault::timed_out);
}

/// A body in chunks of `size`.
std::string chunked(std::string_view body, std::size_t size) {
  std::string text;
  for (std::size_t at = 0; at < body.size(); at += size) {
    const auto part = body.substr(at, size);
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, part.size(), 16);
    text.append(digits, end).append("\r\n").append(part).append("\r\n");
  }
  return text + "0\r\n\r\n";
}

std::string numbered(std::size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i) + ",";
  text.resize(bytes);
  return text;
}

constexpr std::string_view chunked_head =
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view endless_head =
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\nIdempotency-Key: k\r\n";
constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

TEST_F(ForwarderTest, ALongBodyPassesThrough_HoweverItIsFramed) {
  for (const std::size_t bytes :
       {kept_bytes - 1, kept_bytes, kept_bytes + 1, 10 * kept_bytes, std::size_t{5} << 20}) {
    const auto body = numbered(bytes);
    EXPECT_TRUE(ask("POST", "/echo", {}, body).body == body) << bytes;
    EXPECT_EQ(seen().header("content-length"), std::to_string(bytes));
    EXPECT_EQ(seen().header("transfer-encoding"), "");
    for (const std::size_t chunk : {std::size_t{1'000}, std::size_t{1} << 20}) {
      const RawClient client(front_->port());
      client.write(std::string(chunked_head) + chunked(body, chunk));
      EXPECT_TRUE(client.read().starts_with("HTTP/1.1 201 ")) << bytes;
      EXPECT_TRUE(seen().body == body) << bytes << " in chunks of " << chunk;
    }
  }
  EXPECT_EQ(seen().header("expect"), "100-continue") << "what is long is asked for";
}

TEST_F(ForwarderTest, AfterALongBody_BothConnectionsGoOn) {
  auto kept = client();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(kept.send("POST", "/echo", {}, numbered(200'000)).value().status, 201);
  EXPECT_EQ(front_->connections(), 1U);
  EXPECT_EQ(service_->connections(), 1U);
}

TEST_F(ForwarderTest, AServiceThatDoesNotRead_HoldsBackTheClient) {
  std::promise<void> end;
  auto ended = end.get_future().share();
  RawServer slow([ended](int fd) {
    RawServer::read(fd);
    RawServer::write(fd, go_on);
    ended.wait_for(10s);
  });
  forwarder_.instances("catalog").set({slow.origin()});
  const RawClient client(front_->port());
  client.write(std::string(endless_head) + "\r\n");
  EXPECT_LT(client.write_until_held(), std::size_t{20} << 20) << "what kernels buffer, no more";
  end.set_value();
}

TEST_F(ForwarderTest, WhoWaitsToBeBidden_IsBiddenWhenTheServiceWantsTheBody) {
  const RawClient client(front_->port());
  client.write(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read(), go_on);
  client.write(std::string(100'000, 'x'));
  EXPECT_TRUE(client.read().starts_with("HTTP/1.1 201 "));
}

TEST_F(ForwarderTest, ARefusalBeforeTheBody_IsTold_AndNothingOfItIsTaken) {
  RawServer refusing([](int fd) {
    EXPECT_NE(RawServer::read(fd).find("Expect: 100-continue"), std::string::npos);
    RawServer::write(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  });
  forwarder_.instances("catalog").set({refusing.origin()});
  const RawClient client(front_->port());
  client.write(std::string(endless_head) + "Expect: 100-continue\r\n\r\n");
  const auto answer = client.read();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST_F(ForwarderTest, TooLongABody_IsRefusedWithoutAskingAnybody) {
  const RawClient client(front_->port());
  client.write(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 70000000\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_TRUE(client.read().starts_with("HTTP/1.1 413 "));
  EXPECT_EQ(requests_, 0);
}

TEST_F(ForwarderTest, AnAnswerWithinTheBody_EndsIt) {
  RawServer early([](int fd) {
    RawServer::read(fd);
    RawServer::write(fd, go_on);
    std::this_thread::sleep_for(200ms);
    RawServer::write(fd, "HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\nno");
    std::this_thread::sleep_for(1s);
  });
  forwarder_.instances("catalog").set({early.origin()});
  const RawClient client(front_->port());
  client.write(std::string(endless_head) + "\r\n" + std::string(200'000, 'x'));
  const auto since = std::chrono::steady_clock::now();
  EXPECT_TRUE(client.read().starts_with("HTTP/1.1 422 "));
  EXPECT_LT(std::chrono::steady_clock::now() - since, 1s) << "though the client has more to send";
}

TEST_F(ForwarderTest, AServiceThatDiesWithinTheBody_IsNotAskedAgain) {
  RawServer dying([](int fd) {
    RawServer::read(fd);
    RawServer::write(fd, go_on);
    char bytes[4096];
    std::ignore = ::recv(fd, bytes, sizeof bytes, 0);
  });
  forwarder_.instances("catalog").set({dying.origin(), dying.origin()});
  const RawClient client(front_->port());
  client.write(std::string(endless_head) + "\r\n" + std::string(200'000, 'x'));
  const auto answer = client.read();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 502 ")) << answer;
  EXPECT_EQ(dying.connections(), 1) << "in spite of its key";
}

TEST_F(ForwarderTest, ABodyOfWhichNothingWasAskedFor_GoesToAnother) {
  RawServer dying([](int fd) { RawServer::read(fd); });
  forwarder_.instances("catalog").set({dying.origin(), origin_of(*service_)});
  const auto body = numbered(500'000);
  for (int i = 0; i < 6; ++i)
    EXPECT_TRUE(ask("POST", "/echo", {{"Idempotency-Key", "k"}}, body).body == body);
  EXPECT_GT(dying.connections(), 0);
}

TEST_F(ForwarderTest, ASilentService_IsSentTheBodyAfterAWhile) {
  RawServer old([](int fd) {  // as one that knows nothing of Expect
    RawServer::read(fd);
    std::size_t come = 0;
    char bytes[65536];
    while (come < 200'000) {
      const auto count = ::recv(fd, bytes, sizeof bytes, 0);
      if (count <= 0) return;
      come += static_cast<std::size_t>(count);
    }
    RawServer::write(fd, "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
  });
  forwarder_.instances("catalog").set({old.origin()});
  EXPECT_EQ(ask("POST", "/echo", {}, numbered(200'000)).status, 201);
}

TEST_F(ForwarderTest, AClientThatBreaksOff_EndsTheServicesRequest_WhichIsNotBlamed) {
  std::atomic<int> ended{0};
  RawServer reading([&ended](int fd) {
    RawServer::read(fd);
    RawServer::write(fd, go_on);
    const timeval limit{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char bytes[65536];
    ssize_t count = 1;
    while (count > 0) count = ::recv(fd, bytes, sizeof bytes, 0);
    if (count == 0 || errno == ECONNRESET) ++ended;
  });
  forwarder_.instances("catalog").set({reading.origin()});
  constexpr int times = Instances::breaker.failures_max;
  for (int i = 1; i <= times; ++i) {
    RawClient client(front_->port());
    client.write(std::string(endless_head) + "\r\n" + std::string(200'000, 'x'));
    std::this_thread::sleep_for(100ms);
    client.leave();
    for (int j = 0; j < 100 && figure("abandoned") != std::to_string(i); ++j)
      std::this_thread::sleep_for(20ms);
    EXPECT_EQ(figure("abandoned"), std::to_string(i));
  }
  for (int i = 0; i < 100 && ended < times; ++i) std::this_thread::sleep_for(20ms);
  EXPECT_EQ(ended, times) << "at once, and not when its time is over";
  EXPECT_NE(forwarder_.instances("catalog").pick(0, clock_.now()), nullptr);
}

TEST_F(ForwarderTest, WhatIsWrongWithinALongBody_IsTold) {
  const auto answer_to = [this](std::string_view text) {
    const RawClient client(front_->port());
    client.write(text);
    return client.read();
  };
  const auto good = chunked(numbered(200'000), 50'000);
  const auto begun = std::string(chunked_head) + good.substr(0, good.size() - 5);
  EXPECT_TRUE(answer_to(begun + "what\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(answer_to(begun + "fffffff\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(answer_to(begun).starts_with("HTTP/1.1 408 ")) << "and nothing more";
  EXPECT_EQ(requests_, 0) << "none of them reaches the service's handler";
}

TEST_F(ForwarderTest, TheClientsPositionGrows) {
  const auto answer = ask("GET", "/position", {{"Stoa-Position", "catalog=20,ordering=4@2"}});
  EXPECT_EQ(header(answer, "stoa-position"), "catalog=20,ordering=4@2,shop=2");
}

TEST(JoinedPositions, OfEachServiceTheLaterOne) {
  EXPECT_EQ(joined_positions("a=1,b=5", "a=2,b=4,c=3"), "a=2,b=5,c=3");
  EXPECT_EQ(joined_positions("a=9", "a=2@17"), "a=2@17") << "a log that was restored";
  EXPECT_EQ(joined_positions("a=x,=,b", "c=1"), "c=1");
  EXPECT_EQ(joined_positions("", ""), "");
}

TEST(Resolve, NamesAndAddresses) {
  using beast::resolve;
  EXPECT_EQ(resolve("http://127.0.0.1:5001"), (std::vector<http::Origin>{{"127.0.0.1", 5001}}));
  EXPECT_EQ(resolve("http://127.0.0.1"), (std::vector<http::Origin>{{"127.0.0.1", 80}}));
  EXPECT_EQ(resolve("http://[::1]:9/"), (std::vector<http::Origin>{{"::1", 9}}));
  EXPECT_FALSE(resolve("http://localhost:5001").empty());
  EXPECT_TRUE(resolve("https://127.0.0.1").empty());
  EXPECT_TRUE(resolve("http://[::1").empty());
}

}  // namespace
}  // namespace stoa
