#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "contracts/certificate.hpp"
#include "contracts/patience.hpp"
#include "contracts/redis_server.hpp"
#include "platform/redis/cache.hpp"
#include "platform/redis/link.hpp"

namespace stoa {
namespace {

using namespace std::chrono_literals;

constexpr auto password = "secret";

class RedisTlsTest : public testing::Test {
 protected:
  void SetUp() override {
    STOA_NEEDS_REDIS();
    certificate_.emplace(folder_, "server", "DNS:localhost");
    other_.emplace(folder_, "other", "DNS:localhost");
    tls_port_ = free_port();
    server_.emplace(
        std::vector<std::string>{"--tls-port", std::to_string(tls_port_), "--tls-cert-file",
                                 certificate_->certificate(), "--tls-key-file", certificate_->key(),
                                 "--tls-auth-clients", "no", "--requirepass", password});
  }
  [[nodiscard]] redis::Settings settings() const {
    auto settings = server_->settings();
    settings.host = "localhost";
    settings.port = tls_port_;
    settings.password = password;
    settings.tls = true;
    settings.ca_file = certificate_->certificate();
    return settings;
  }
  [[nodiscard]] redis::Settings plain_settings() const {
    auto settings = server_->settings();
    settings.password = password;
    return settings;
  }
  /// What a connection fails with; empty: it does not.
  static std::string fault_of(const redis::Settings& settings) {
    try {
      redis::Link link(settings);
      return {};
    } catch (const redis::Unreachable& fault) {
      return fault.what();
    }
  }
  [[nodiscard]] std::string figures() const {
    const auto reply = redis::Link(plain_settings()).ask({"INFO", "commandstats"});
    return {reply->str, reply->len};
  }
  std::unique_ptr<redis::SharedCache> open_cache() {
    auto cache = redis::make_cache(settings(), make_memory_cache(16 << 20, clock_), clock_, {}, {});
    EXPECT_TRUE(comes_true([&] { return is_asked(*cache) && cache->hears_others(); }));
    return cache;
  }
  static std::string get(Cache& cache, const std::string& key) {
    std::promise<std::string> text;
    cache.get(key, [&](std::optional<Cache::Entry> entry) {
      text.set_value(entry ? *entry->value : "nothing");
    });
    return text.get_future().get();
  }

  SystemClock clock_;
  TemporaryFolder folder_;
  std::optional<Certificate> certificate_, other_;
  std::optional<RedisServer> server_;
  int tls_port_ = 0;
};

TEST_F(RedisTlsTest, AServerThatIsTrusted_IsTalkedTo) {
  redis::Link link(settings());
  const std::string large(1'000'000, 'x');  // many records each way
  EXPECT_STREQ(link.ask({"SET", "a", large})->str, "OK");
  const auto reply = link.ask({"GET", "a"});
  EXPECT_TRUE(std::string_view(reply->str, reply->len) == large);
  EXPECT_THROW(link.ask({"NO-SUCH-COMMAND"}), redis::Unreachable);
}

TEST_F(RedisTlsTest, AServerThatIsNotTrusted_IsNotToldThePassword) {
  auto by_another = settings();
  by_another.ca_file = other_->certificate();
  auto by_nobody = settings();
  by_nobody.ca_file.clear();
  auto other_name = settings();
  other_name.host = "127.0.0.1";
  for (const auto& wrong : {by_another, by_nobody, other_name}) {
    const auto fault = fault_of(wrong);
    EXPECT_NE(fault.find("certificate of the server is refused"), std::string::npos) << fault;
    EXPECT_EQ(fault.find(password), std::string::npos);
  }
  EXPECT_NE(fault_of(other_name).find("mismatch"), std::string::npos) << fault_of(other_name);
  auto no_authorities = settings();
  no_authorities.ca_file = folder_.file("missing.pem");
  EXPECT_NE(fault_of(no_authorities).find("Redis:CaFile"), std::string::npos);
  EXPECT_NE(figures().find("cmdstat_auth:calls=1,"), std::string::npos) << "ours, in the clear";
}

TEST_F(RedisTlsTest, AnAddress_IsLookedForAmongTheAddressesOfTheCertificate) {
  const Certificate of_address(folder_, "address", "IP:127.0.0.1");
  const int port = free_port();
  const RedisServer server({"--tls-port", std::to_string(port), "--tls-cert-file",
                            of_address.certificate(), "--tls-key-file", of_address.key(),
                            "--tls-auth-clients", "no"});
  auto settings = server.settings();
  settings.port = port;
  settings.tls = true;
  settings.ca_file = of_address.certificate();
  EXPECT_EQ(fault_of(settings), "");
  settings.host = "localhost";
  EXPECT_NE(fault_of(settings).find("mismatch"), std::string::npos);
}

TEST_F(RedisTlsTest, AServerThatSpeaksNoTls_OrStandsStill_HoldsNobody) {
  auto without_tls = plain_settings();
  without_tls.host = "localhost";
  without_tls.tls = true;
  EXPECT_NE(fault_of(without_tls), "");
  auto in_the_clear = plain_settings();
  in_the_clear.port = tls_port_;
  EXPECT_NE(fault_of(in_the_clear), "");
  server_->pause();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_NE(fault_of(settings()), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
  server_->go_on();
}

TEST_F(RedisTlsTest, ProcessesShareACache_AndFindAServerThatComesBack) {
  const auto one = open_cache(), two = open_cache();
  const std::string large(400'000, 'x');
  one->set_if_newer("a", 5, large, 1h);
  get(*one, "settled");
  EXPECT_TRUE(get(*two, "a") == large);
  one->invalidate("a", 7);
  EXPECT_TRUE(comes_true([&] { return !two->peek("a"); }));
  server_->kill();
  EXPECT_TRUE(comes_true([&] { return !is_asked(*one) && !two->hears_others(); }));
  server_->start();
  EXPECT_TRUE(comes_true([&] { return is_asked(*one) && is_asked(*two) && two->hears_others(); }));
  one->set_if_newer("b", 8, "new", 1h);
  get(*one, "settled again");
  EXPECT_EQ(get(*two, "b"), "new");
}

}  // namespace
}  // namespace stoa
