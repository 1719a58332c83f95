#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "contracts/temporary_folder.hpp"
#include "platform/beast/http_server.hpp"
#include "platform/curl/http_client.hpp"

/// The outbound client against real servers on loopback.
namespace stoa {
namespace {

using namespace std::chrono_literals;
using http::OutboundRequest;

class CurlClientTest : public testing::Test {
 protected:
  CurlClientTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as the shop does
    beast::HttpServerOptions options;
    options.threads = 2;
    server_ = beast::make_http_server(
        options,
        [this](const std::shared_ptr<http::Request>& request, const http::Reply& reply) {
          handle(*request, reply);
        },
        [](http::Request&) -> http::RouteLimits { return {std::size_t{4} << 20, 60s}; });
    server_->start();
  }
  ~CurlClientTest() override { server_->stop(0ms); }

  void handle(const http::Request& request, const http::Reply& reply) {
    if (request.path == "/silent") {
      const std::lock_guard lock(mutex_);
      held_.push_back(reply);
      return;
    }
    if (request.path == "/large") return reply({200, std::string(5'000, 'x'), "text/plain", {}});
    if (request.path == "/away") {
      ++redirects_;
      return reply({302, "", "text/plain", {{"Location", url("/echo")}}});
    }
    if (request.path == "/echo") ++echoes_;
    http::Response answer{
        200, request.method + " " + request.query + " " + request.body, "text/plain", {}};
    answer.headers.emplace_back("X-Token", request.header("x-token"));
    answer.headers.emplace_back("X-Agent", request.header("user-agent"));
    reply(answer);
  }
  std::string url(const std::string& target) const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + target;
  }
  Result<http::OutboundResponse> send(OutboundRequest request) { return client_->send(request); }

  std::unique_ptr<http::Client> client_ = curl::make_http_client({});
  std::unique_ptr<beast::HttpServer> server_;
  std::mutex mutex_;
  std::vector<http::Reply> held_;
  std::atomic<int> echoes_{0};
  std::atomic<int> redirects_{0};
};

TEST_F(CurlClientTest, RequestAndAnswer_PassWhole) {
  const std::string body("a\0b\r\n=&", 7);
  for (const auto* method : {"POST", "PUT", "DELETE", "PATCH", "GET"}) {
    const auto answer = send(
        {.method = method, .url = url("/echo?q=1"), .headers = {{"X-Token", "t 1"}}, .body = body});
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, std::string(method) + " q=1 " + body);
    EXPECT_EQ(answer->header("x-token"), "t 1");
    EXPECT_TRUE(answer->header("x-agent").starts_with("Stoa/"));
  }
  EXPECT_EQ(send({.url = url("/echo")})->body, "GET  ");
  EXPECT_EQ(send({.method = "POST", .url = url("/echo")})->body, "POST  ");
}

TEST_F(CurlClientTest, ManyThreads_ShareAClient) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k) EXPECT_TRUE(send({.method = "POST", .url = url("/echo")}));
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(echoes_, 160);
}

TEST_F(CurlClientTest, SilentServer_IsNoAnswer) {
  const auto answer = send({.url = url("/silent"), .timeout = 50ms});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "no_answer");
  EXPECT_TRUE(answer.error().retryable());
}

TEST_F(CurlClientTest, LargeAnswer_IsCutOff) {
  EXPECT_EQ(send({.url = url("/large"), .answer_bytes_max = 5'000})->body.size(), 5'000U);
  const auto answer = send({.url = url("/large"), .answer_bytes_max = 4'999});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "answer_too_large");
}

TEST_F(CurlClientTest, Redirect_IsAnAnswer) {
  const auto answer = send({.url = url("/away")});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(redirects_, 1);
  EXPECT_EQ(echoes_, 0);
}

TEST_F(CurlClientTest, ClosedPort_IsUnreachable) {
  const auto port = server_->port();
  server_->stop(0ms);
  server_.reset();
  const auto answer = send({.url = "http://127.0.0.1:" + std::to_string(port) + "/secret-path"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "unreachable");
  EXPECT_EQ(answer.error().detail.find("secret-path"), std::string::npos);
  server_ = beast::make_http_server(
      {}, [](const auto&, const auto&) {}, [](http::Request&) { return http::RouteLimits{}; });
}

TEST_F(CurlClientTest, BadRequests_AreNotSent) {
  for (const auto& bad : std::vector<OutboundRequest>{
           {.url = "file:///etc/passwd"},
           {.url = "ftp://127.0.0.1/"},
           {.url = ""},
           {.url = "http://"},
           {.method = "GET / HTTP/1.1\r\nX: y", .url = url("/echo")},
           {.method = "", .url = url("/echo")},
           {.url = url("/echo\r\nX: y")},
           {.url = url("/echo"), .headers = {{"X-A", "b\r\nX-Token: forged"}}},
           {.url = url("/echo"), .headers = {{"X-A: c\nX-B", "b"}}},
       }) {
    const auto answer = send(bad);
    ASSERT_FALSE(answer) << bad.url;
    EXPECT_EQ(answer.error().code, "invalid_request");
  }
  EXPECT_EQ(echoes_, 0);
}

/// A socket whose connections are served as it is told to, each by a thread of its own.
class RawServer {
 public:
  RawServer() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() { stop(); }

  template <class Serve>
  void serve(Serve on_connection) {
    thread_ = std::thread([this, on_connection] {
      for (int fd = 0; (fd = ::accept(fd_, nullptr, nullptr)) >= 0;) {
        connections_.emplace_back([on_connection, fd] {
          on_connection(fd);
          ::close(fd);
        });
      }
    });
  }
  void stop() {
    if (!thread_.joinable()) return;
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (auto& connection : connections_) connection.join();
    ::close(fd_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::vector<std::thread> connections_;  // the accepting thread's until that has ended
};

TEST_F(CurlClientTest, ConnectionsAreKept) {
  RawServer server;
  std::atomic<int> connections{0};
  server.serve([&](int fd) {
    ++connections;
    char bytes[4096];
    const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    while (::recv(fd, bytes, sizeof bytes, 0) > 0)
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send({.url = "http://" + server.address()}));
  client_.reset();
  server.stop();
  EXPECT_EQ(connections, 1);
}

TEST_F(CurlClientTest, ConnectionClosedWithoutAnAnswer_IsNoAnswerAndNotRepeated) {
  RawServer server;
  std::atomic<int> requests{0};
  server.serve([&](int fd) {
    // The first request is answered and the connection kept, the second is read and lost.
    char bytes[4096];
    const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    while (::recv(fd, bytes, sizeof bytes, 0) > 0) {
      if (++requests % 2 == 0) return;
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  });
  ASSERT_TRUE(send({.method = "GET", .url = "http://" + server.address()}));
  // Over the kept connection a POST without a key would be sent twice.
  requests = 1;
  const auto lost = send({.method = "POST", .url = "http://" + server.address(), .body = "a"});
  client_.reset();
  server.stop();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "no_answer");
  EXPECT_EQ(requests, 2);
}

TEST_F(CurlClientTest, BrokenAnswer_IsSaid) {
  RawServer server;
  server.serve([](int fd) {
    char bytes[4096];
    const std::string_view answer = "SSH-2.0-nothing\r\n\r\n";
    if (::recv(fd, bytes, sizeof bytes, 0) > 0)
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  });
  const auto answer = send({.url = "http://" + server.address()});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "answer_broken");
}

/// A certificate for `host`, signed by itself.
class SelfSigned {
 public:
  explicit SelfSigned(const std::string& host) : key_(EVP_RSA_gen(2048)), certificate_(X509_new()) {
    X509_set_version(certificate_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_set_pubkey(certificate_, key_);
    auto* name = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate_, name);
    auto* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("IP:" + host).c_str());
    X509_add_ext(certificate_, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate_, key_, EVP_sha256());
  }
  SelfSigned(const SelfSigned&) = delete;
  SelfSigned& operator=(const SelfSigned&) = delete;
  ~SelfSigned() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  void write(const std::string& to) const {
    auto* file = std::fopen(to.c_str(), "w");
    PEM_write_X509(file, certificate_);
    std::fclose(file);
  }
  /// Answers one request of a TLS connection, if it comes to that.
  bool serve(int fd) const {
    auto* context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate_);
    SSL_CTX_use_PrivateKey(context, key_);
    auto* ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    char bytes[4096];
    const bool is_asked = SSL_accept(ssl) == 1 && SSL_read(ssl, bytes, sizeof bytes) > 0;
    const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    if (is_asked) SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
    SSL_free(ssl);
    SSL_CTX_free(context);
    return is_asked;
  }

 private:
  EVP_PKEY* key_;
  X509* certificate_;
};

TEST_F(CurlClientTest, UntrustedCertificates_AreRefusedBeforeARequestIsSent) {
  const TemporaryFolder folder;
  const SelfSigned known("127.0.0.1");
  const SelfSigned other_host("127.0.0.9");
  std::atomic<int> asked{0};
  const auto ask = [&](const SelfSigned& presented, const std::string& ca_file) {
    RawServer server;
    server.serve([&](int fd) { asked += presented.serve(fd) ? 1 : 0; });
    const auto client = curl::make_http_client({.ca_file = ca_file});
    return client->send({.url = "https://" + server.address() + "/"});
  };
  known.write(folder.file("known.pem"));
  other_host.write(folder.file("other.pem"));
  const auto self_signed = ask(known, "");
  ASSERT_FALSE(self_signed);
  EXPECT_EQ(self_signed.error().code, "certificate_refused");
  const auto wrong_name = ask(other_host, folder.file("other.pem"));
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().code, "certificate_refused");
  EXPECT_EQ(asked, 0);
  const auto trusted = ask(known, folder.file("known.pem"));
  ASSERT_TRUE(trusted) << trusted.error().detail;
  EXPECT_EQ(trusted->body, "hi");
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace stoa
