#include "platform/beast/http_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "platform/beast/http_client.hpp"

namespace stoa::beast {
namespace {

using namespace std::chrono_literals;

/// A client that may break the rules.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  ~RawSocket() { ::close(fd_); }

  void send(std::string_view text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
  }
  /// All until the server closes.
  [[nodiscard]] std::string read_all() const {
    std::string text;
    char bytes[4096];
    for (ssize_t count = 0; (count = ::recv(fd_, bytes, sizeof bytes, 0)) > 0;)
      text.append(bytes, static_cast<std::size_t>(count));
    return text;
  }
  [[nodiscard]] std::string read_some() const {
    char bytes[4096];
    const auto count = ::recv(fd_, bytes, sizeof bytes, 0);
    return {bytes, count > 0 ? static_cast<std::size_t>(count) : 0};
  }

 private:
  int fd_;
};

/// Gives its pieces, then waits until it is let go.
class SomePieces final : public http::Stream {
 public:
  explicit SomePieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  void next(Take take) override {
    if (at_ < pieces_.size()) return take(pieces_[at_++]);
    waiting_ = std::move(take);
  }
  [[nodiscard]] std::string_view heartbeat() const override { return "beat,"; }

 private:
  std::vector<std::string> pieces_;
  std::size_t at_ = 0;
  Take waiting_;
};

/// `/echo` answers the request's body, `/thread` from another thread, `/hold` when it is told to.
class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    HttpServerOptions options;
    options.threads = 2;
    options.read_timeout = 200ms;
    options.body_timeout = 200ms;
    options.idle_timeout = 5s;
    options.heartbeat = 20ms;
    server_ = make_http_server(
        options,
        [this](const std::shared_ptr<http::Request>& request, const http::Reply& reply) {
          handle(request, reply);
        },
        [](http::Request& request) -> http::RouteLimits {
          if (request.path == "/gather" || request.path == "/early")
            return {300'000, 1s, 10};  // longer ones than 10 bytes come as a stream
          return {request.path == "/large" ? std::size_t{1} << 20 : 100,
                  request.path == "/hold" ? 1s : 2s};
        });
    server_->start();
  }
  void TearDown() override {
    for (auto& thread : threads_) thread.join();
  }

  void handle(const std::shared_ptr<http::Request>& request, const http::Reply& reply) {
    if (request->path == "/throw") throw std::runtime_error("defect");
    if (request->path == "/address") return reply({200, request->client_address, "text/plain", {}});
    if (request->path == "/none") return reply({204, "ignored", "text/plain", {}});
    if (request->path == "/split") return reply({200, "", "text/plain", {{"X-Bad", "a\r\nb: c"}}});
    if (request->path == "/again")
      return reply({200,
                    "",
                    "text/plain",
                    {{"X-A", "1"},
                     {"x-a", "2"},
                     {"Content-Type", "a/b"},
                     {"Link", "</1>"},
                     {"Link", "</2>"}}});
    if (request->path == "/gather") {
      if (request->query == "slow") return gather_later(request, reply);
      return gather(request, request->body, reply);
    }
    if (request->path == "/early") {
      body_ = request->stream;
      return reply({200, "early", "text/plain", {}});
    }
    if (request->path == "/stream") {
      http::Response response{200, "first,", "text/plain", {}};
      response.stream = stream_;
      return reply(std::move(response));
    }
    if (request->path == "/hold") {
      const std::lock_guard lock(mutex_);
      held_ = reply;
      is_held_ = true;
      return;
    }
    const http::Response echo{
        200,
        request->method + " " + request->path + "?" + request->query + " " + request->body,
        "text/plain",
        {}};
    if (request->path != "/thread") return reply(echo);
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([reply, echo] { reply(echo); });
  }
  /// Answers with the whole body, and into how many pieces it was cut.
  static void gather(const std::shared_ptr<http::Request>& request, const std::string& come,
                     const http::Reply& reply) {
    if (!request->stream) return reply({200, "whole " + come, "text/plain", {}});
    request->stream->next([request, come, reply](const std::string& piece) {
      if (!piece.empty()) return gather(request, come + piece, reply);
      if (!request->stream->is_broken()) reply({200, "stream " + come, "text/plain", {}});
    });
  }
  /// From another thread, after a while.
  void gather_later(const std::shared_ptr<http::Request>& request, const http::Reply& reply) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([request, reply] {
      std::this_thread::sleep_for(300ms);
      gather(request, request->body, reply);
    });
  }
  void wait_until_held() const {
    while (!is_held_) std::this_thread::sleep_for(1ms);
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_({200, "held", "text/plain", {}});
  }
  HttpClient client() const { return {"127.0.0.1", server_->port(), 5s}; }
  std::string raw(std::string_view text) const {
    const RawSocket socket(server_->port());
    socket.send(text);
    return socket.read_all();
  }

  std::unique_ptr<HttpServer> server_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  http::Reply held_;
  std::shared_ptr<http::Stream> stream_, body_;
  std::atomic<bool> is_held_{false};
};

std::string status_line(const std::string& answer) { return answer.substr(0, answer.find('\r')); }
bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

TEST_F(HttpServerTest, OneConnectionServesManyRequests) {
  auto http = client();
  for (int i = 0; i < 50; ++i) {
    const auto answer = http.send("POST", "/echo?a=1", {}, "body " + std::to_string(i));
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /echo?a=1 body " + std::to_string(i));
  }
}

TEST_F(HttpServerTest, RepliesFromOtherThreadsArrive) {
  auto http = client();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(http.send("GET", "/thread", {}, "").value().status, 200);
}

TEST_F(HttpServerTest, PipelinedRequests_AreAnsweredInOrder) {
  const auto answer =
      raw("GET /thread?1 HTTP/1.1\r\nHost: h\r\n\r\nGET /echo?2 HTTP/1.1\r\nHost: h\r\n\r\n"
          "GET /echo?3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const auto first = answer.find("/thread?1");
  const auto second = answer.find("/echo?2");
  const auto third = answer.find("/echo?3");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

TEST_F(HttpServerTest, HeadHasTheLengthAndNoBody) {
  const auto answer = raw("HEAD /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(has(answer, "Content-Length: 12\r\n")) << answer;
  EXPECT_TRUE(has(answer, "\r\nDate: ")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  auto http = client();
  EXPECT_EQ(http.send("HEAD", "/echo", {}, "").value().body, "");
  EXPECT_EQ(http.send("GET", "/echo", {}, "").value().body, "GET /echo? ");
}

/// One body in all framings and all cuts is one body.
TEST_F(HttpServerTest, ALongBodyIsAStream_HoweverItIsCut) {
  std::string body;
  for (int i = 0; body.size() < 70; ++i) body += std::to_string(i);
  const std::string head = "POST /gather HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  for (const std::size_t bytes : {0U, 1U, 9U, 10U, 11U, 30U, 70U}) {
    const auto text = body.substr(0, bytes);
    std::vector<std::string> forms{"Content-Length: " + std::to_string(bytes) + "\r\n\r\n" + text};
    for (const std::size_t chunk : {1U, 10U, 15U}) {
      auto& form = forms.emplace_back("Transfer-Encoding: chunked\r\n\r\n");
      for (std::size_t at = 0; at < bytes; at += chunk) {
        const auto part = text.substr(at, chunk);
        form += std::string(1, "0123456789abcdef"[part.size()]) + "\r\n" + part + "\r\n";
      }
      form += "0\r\n\r\n";
    }
    for (const auto& form : forms) {
      for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, form.size()}) {
        const RawSocket socket(server_->port());
        socket.send(head);
        for (std::size_t at = 0; at < form.size(); at += cut) socket.send(form.substr(at, cut));
        const auto answer = socket.read_all();
        EXPECT_TRUE(answer.ends_with((bytes > 10 ? "stream " : "whole ") + text) ||
                    (bytes == 10 && answer.ends_with("stream " + text)))
            << form << "\n"
            << answer;
      }
    }
  }
}

TEST_F(HttpServerTest, WhoSendsALongBody_IsBiddenWhenItIsAskedFor) {
  const RawSocket socket(server_->port());
  socket.send(
      "POST /gather?slow HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n"
      "Expect: 100-continue\r\n\r\n");
  const auto since = std::chrono::steady_clock::now();
  EXPECT_EQ(socket.read_some(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_GT(std::chrono::steady_clock::now() - since, 200ms);
  socket.send("01234567890123456789");
  EXPECT_TRUE(has(socket.read_some(), "stream 01234567890123456789"));
}

TEST_F(HttpServerTest, AnAnswerBeforeTheBody_EndsTheConnection_AndTheBodyIsBroken) {
  const RawSocket socket(server_->port());
  socket.send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n0123456789");
  const auto answer = socket.read_all();
  EXPECT_TRUE(has(answer, "Connection: close\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("early")) << answer;
  std::string piece = "some";
  body_->next([&](const std::string& more) { piece = more; });
  for (int i = 0; i < 100 && !body_->is_broken(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(body_->is_broken());
}

TEST_F(HttpServerTest, ALongBodyHasItsLimitsToo) {
  const std::string head = "POST /gather HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(status_line(raw(head + "Content-Length: 300001\r\n\r\n")),
            "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(status_line(raw(head + "Transfer-Encoding: chunked\r\n\r\n" + "14\r\n" +
                            std::string(20, 'x') + "\r\n493e0\r\n")),
            "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(status_line(raw(head + "Transfer-Encoding: chunked\r\n\r\n" + "14\r\n" +
                            std::string(20, 'x') + "\r\nnone\r\n")),
            "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_line(raw(head + "Content-Length: 20\r\n\r\n0123456789")),
            "HTTP/1.1 408 Request Timeout");
}

TEST_F(HttpServerTest, AFieldThatComesAgainTakesThePlaceOfTheOneBefore_ButALink) {
  const auto answer = raw("GET /again HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(has(answer, "\r\nx-a: 2\r\n")) << answer;
  EXPECT_TRUE(has(answer, "\r\nContent-Type: a/b\r\n")) << answer;
  EXPECT_FALSE(has(answer, "X-A: 1")) << answer;
  EXPECT_TRUE(has(answer, "\r\nLink: </1>\r\n")) << answer;
  EXPECT_TRUE(has(answer, "\r\nLink: </2>\r\n")) << answer;
  EXPECT_FALSE(has(answer, "text/plain")) << answer;
}

TEST_F(HttpServerTest, AnswersOfEverySizeArriveWhole) {
  auto http = client();
  for (const std::size_t size : {0U, 1U, 16'000U, 16'500U, 100'000U, 900'000U}) {
    const auto answer = http.send("POST", "/large", {}, std::string(size, 'x'));
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "POST /large? " + std::string(size, 'x'));
  }
}

TEST_F(HttpServerTest, AnOlderClientIsToldWhetherTheConnectionStays) {
  const auto kept =
      raw("GET /echo HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
          "GET /echo HTTP/1.0\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(kept.starts_with("HTTP/1.0 200 OK\r\n")) << kept;
  EXPECT_TRUE(has(kept, "\r\nConnection: keep-alive\r\n")) << kept;
  EXPECT_NE(kept.find("HTTP/1.0 200 OK", 1), std::string::npos) << kept;
}

TEST_F(HttpServerTest, NoContentHasNone) {
  const auto answer = client().send("GET", "/none", {}, "");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->body, "");
}

TEST_F(HttpServerTest, AbsoluteFormIsUnderstood) {
  const auto answer =
      raw("GET http://h:1/echo?x=1 HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("GET /echo?x=1 ")) << answer;
}

TEST_F(HttpServerTest, HeaderValuesCannotSplitTheAnswer) {
  EXPECT_FALSE(has(raw("GET /split HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), "b: c"));
}

TEST_F(HttpServerTest, LargeBody_Is413_BeforeItIsRead) {
  const auto by_length = raw("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n");
  EXPECT_EQ(status_line(by_length), "HTTP/1.1 413 Payload Too Large");
  EXPECT_TRUE(has(by_length, "\"code\":\"body_too_large\""));
  EXPECT_TRUE(has(by_length, "application/problem+json"));
  const auto huge = raw("POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_EQ(status_line(huge), "HTTP/1.1 413 Payload Too Large");
  const auto chunked =
      raw("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
          std::string(101, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(status_line(chunked), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(client().send("POST", "/echo", {}, std::string(100, 'x')).value().status, 200);
  EXPECT_EQ(client().send("POST", "/large", {}, std::string(1 << 20, 'x')).value().status, 200);
}

TEST_F(HttpServerTest, SlowHeaderOrBody_Is408) {
  const auto header = raw("GET /echo HTTP/1.1\r\nHos");
  EXPECT_EQ(status_line(header), "HTTP/1.1 408 Request Timeout");
  EXPECT_TRUE(has(header, "\"code\":\"request_timeout\""));
  const auto body = raw("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(status_line(body), "HTTP/1.1 408 Request Timeout");
}

TEST_F(HttpServerTest, DribbledHeader_Is408) {
  const RawSocket socket(server_->port());
  for (const char c : std::string("GET /e")) {
    socket.send(std::string(1, c));
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(status_line(socket.read_all()), "HTTP/1.1 408 Request Timeout");
}

TEST_F(HttpServerTest, Malformed_Is400) {
  for (const auto* text :
       {"nonsense\r\n\r\n", "GET /echo\r\n\r\n", "GET /echo HTTP/1.1\r\nbad header\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"}) {
    const auto answer = raw(text);
    EXPECT_EQ(status_line(answer), "HTTP/1.1 400 Bad Request") << text;
    EXPECT_TRUE(has(answer, "\"code\":\"malformed_request\"")) << text;
  }
}

TEST_F(HttpServerTest, LargeHeader_Is431) {
  const auto answer =
      raw("GET /echo HTTP/1.1\r\nHost: h\r\nX: " + std::string(33'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(status_line(answer), "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_TRUE(has(answer, "\"status\":431"));
}

TEST_F(HttpServerTest, ExpectedContinueIsGiven) {
  const RawSocket socket(server_->port());
  socket.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_EQ(status_line(socket.read_some()), "HTTP/1.1 100 Continue");
  socket.send("ab");
  EXPECT_TRUE(socket.read_all().ends_with("POST /echo? ab"));
}

std::unique_ptr<HttpServer> start_server_of_one_connection() {
  HttpServerOptions options;
  options.connections_max = 1;
  auto server = make_http_server(
      options, [](const auto&, const http::Reply& reply) { reply({}); },
      [](http::Request&) { return http::RouteLimits{}; });
  server->start();
  return server;
}

TEST_F(HttpServerTest, ConnectionBeyondTheLimit_Is503_AndComesBackLater) {
  const auto server = start_server_of_one_connection();
  auto first = std::make_unique<HttpClient>("127.0.0.1", server->port(), 5s);
  EXPECT_EQ(first->send("GET", "/", {}, "").value().status, 200);
  {
    const RawSocket second(server->port());
    const auto answer = second.read_all();
    EXPECT_EQ(status_line(answer), "HTTP/1.1 503 Service Unavailable");
    EXPECT_TRUE(has(answer, "Retry-After: 1\r\n"));
    EXPECT_TRUE(has(answer, "\"code\":\"overloaded\""));
  }
  EXPECT_EQ(first->send("GET", "/", {}, "").value().status, 200);
  first.reset();
  while (server->connections() > 0) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(HttpClient("127.0.0.1", server->port(), 5s).send("GET", "/", {}, "").value().status,
            200);
}

TEST_F(HttpServerTest, ManyConnectionsBeyondTheLimit_AreAllToldSo) {
  const auto server = start_server_of_one_connection();
  HttpClient first("127.0.0.1", server->port(), 5s);
  EXPECT_EQ(first.send("GET", "/", {}, "").value().status, 200);
  std::deque<RawSocket> others;
  for (int i = 0; i < 200; ++i) others.emplace_back(server->port());
  for (; !others.empty(); others.pop_front())
    EXPECT_EQ(status_line(others.front().read_all()), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(first.send("GET", "/", {}, "").value().status, 200);
}

TEST_F(HttpServerTest, TellsTheAddressOfTheClient) {
  EXPECT_EQ(client().send("GET", "/address", {}, "").value().body, "127.0.0.1");
}

TEST_F(HttpServerTest, ThrowingHandler_Is500_AndTheServerLives) {
  auto http = client();
  EXPECT_EQ(http.send("GET", "/throw", {}, "").value().status, 500);
  EXPECT_EQ(http.send("GET", "/echo", {}, "").value().status, 200);
}

TEST_F(HttpServerTest, NoAnswerInTheTimeOfItsRoute_Is503) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(client().send("GET", "/hold", {}, "").value().status, 503);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1900ms);
  release();  // late, to nobody
  EXPECT_EQ(client().send("GET", "/echo", {}, "").value().status, 200);
}

TEST_F(HttpServerTest, StopLetsRequestsEnd_AndClosesIdleConnectionsAtOnce) {
  auto idle = client();
  EXPECT_EQ(idle.send("GET", "/echo", {}, "").value().status, 200);
  std::thread running([this] {
    const auto answer = client().send("GET", "/hold", {}, "");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "held");
    EXPECT_TRUE(std::ranges::count(answer->headers,
                                   std::pair<std::string, std::string>("connection", "close")));
  });
  wait_until_held();
  std::thread later([this] {
    std::this_thread::sleep_for(100ms);
    release();
  });
  const auto begun = std::chrono::steady_clock::now();
  server_->stop(5s);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
  running.join();
  later.join();
  EXPECT_FALSE(client().send("GET", "/echo", {}, ""));
}

TEST_F(HttpServerTest, ReplyAfterTheServerHasGone_IsDropped) {
  std::thread running([this] { EXPECT_FALSE(client().send("GET", "/hold", {}, "")); });
  wait_until_held();
  server_->stop(10ms);
  server_.reset();
  running.join();
  release();
}

TEST_F(HttpServerTest, Stream_IsSentInChunks_UntilItEnds) {
  stream_ = std::make_shared<SomePieces>(std::vector<std::string>{"a,", "b,", ""});
  const auto answer = raw("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(has(answer, "Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(has(answer, "Content-Length"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n6\r\nfirst,\r\n2\r\na,\r\n2\r\nb,\r\n0\r\n\r\n")) << answer;
}

TEST_F(HttpServerTest, StreamToHttp10_EndsWithItsConnection) {
  stream_ = std::make_shared<SomePieces>(std::vector<std::string>{"a,", ""});
  const auto answer = raw("GET /stream HTTP/1.0\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(has(answer, "chunked"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nfirst,a,")) << answer;
}

TEST_F(HttpServerTest, IdleStream_BeatsUntilTheServerStops_AndEndsProperly) {
  stream_ = std::make_shared<SomePieces>(std::vector<std::string>{});
  const RawSocket socket(server_->port());
  socket.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string answer;
  while (!has(answer, "beat,\r\n5\r\nbeat,")) answer += socket.read_some();
  server_->stop(5s);
  answer += socket.read_all();
  EXPECT_TRUE(answer.ends_with("0\r\n\r\n")) << answer;
}

TEST_F(HttpServerTest, ClientThatTakesNothing_IsCutOff) {
  stream_ = std::make_shared<SomePieces>(
      std::vector<std::string>{std::string(4 << 20, 'x'), std::string(4 << 20, 'x'), ""});
  const RawSocket socket(server_->port());
  socket.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  while (server_->connections() == 0) std::this_thread::sleep_for(1ms);
  while (server_->connections() > 0) std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(socket.read_all().ends_with("0\r\n\r\n"));
}

TEST_F(HttpServerTest, StreamOfAClientThatHasGone_IsLetGoAtOnce) {
  HttpServerOptions options;
  options.heartbeat = 1h;
  std::weak_ptr<http::Stream> given;
  const auto server = make_http_server(
      options,
      [&](const auto&, const http::Reply& reply) {
        http::Response response;
        response.stream = std::make_shared<SomePieces>(std::vector<std::string>{});
        given = response.stream;
        reply(std::move(response));
      },
      [](http::Request&) { return http::RouteLimits{}; });
  server->start();
  {
    const RawSocket socket(server->port());
    socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(has(socket.read_some(), "200 OK"));
  }
  while (server->connections() > 0) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(given.expired());
}

TEST_F(HttpServerTest, TakenPort_IsRefused) {
  HttpServerOptions options;
  options.port = server_->port();
  options.threads = 2;
  EXPECT_THROW(make_http_server(options, {}, {}), std::runtime_error);
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
  std::vector<std::thread> clients;
  std::atomic<int> served = 0;
  clients.reserve(8);
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([this, &served] {
      auto http = client();
      for (int k = 0; k < 200; ++k)
        if (const auto answer = http.send("POST", "/echo", {}, "x");
            answer && answer->status == 200)
          ++served;
    });
  for (auto& one : clients) one.join();
  EXPECT_EQ(served, 1600);
}

/// Answers once a connection, then closes it without a word.
TEST(HttpClientTest, LostKeptConnection_IsRetriedOnlyWhenSafe) {
  HttpServerOptions options;
  options.idle_timeout = 50ms;
  const auto server = make_http_server(
      options, [](const auto&, const http::Reply& reply) { reply({}); },
      [](http::Request&) { return http::RouteLimits{}; });
  server->start();
  HttpClient http("127.0.0.1", server->port(), 2s);
  EXPECT_TRUE(http.send("GET", "/", {}, ""));
  std::this_thread::sleep_for(200ms);
  EXPECT_TRUE(http.send("GET", "/", {}, ""));
  std::this_thread::sleep_for(200ms);
  EXPECT_TRUE(http.send("POST", "/", {{"Idempotency-Key", "k"}}, ""));
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(http.send("POST", "/", {}, "").error().code, "unreachable");
  EXPECT_TRUE(http.send("POST", "/", {}, ""));
}

}  // namespace
}  // namespace stoa::beast
