#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/sql/connection.hpp"
#include "services/payment/application/provider.hpp"
#include "simulation/world.hpp"

namespace stoa::simulation {

/// A payment provider outside of the shop, which no crash of the shop touches. It moves money once
/// a key, keeps a ledger, knows the tokens of the shop's own simulator, and answers late, twice,
/// never or vaguely as the faults say.
class Provider final : public payment::PaymentProvider {
 public:
  static constexpr std::string_view webhook_secret = "whsec_of_the_simulation";

  Provider(World& world, const Crypto& crypto) : world_(world), crypto_(crypto) {}

  void call(payment::ProviderRequest request,
            std::function<void(payment::ProviderAnswer)> answer) override;
  void payer_action(payment::ProviderRequest, ActionAnswer answer) override {
    answer(std::nullopt);
  }

  /// Gives a signed webhook to the shop, if it is up: `taken(false)` asks for it again.
  std::function<void(const std::string& signature, const std::string& body,
                     std::function<void(bool)> taken)>
      deliver;

  /// Reports that were not taken yet.
  [[nodiscard]] int reports_open() const { return reports_open_; }
  /// As the table `sim_ledger` of the shop's simulator, for the audit.
  void write_ledger(sql::Connection& ledger) const;

  struct Entry {
    std::string key, payment_id, kind, code;
    Money amount;
    Timestamp at;
    std::optional<Timestamp> told_at;  ///< pending until then
  };
  [[nodiscard]] const std::vector<Entry>& ledger() const { return ledger_; }

 private:
  using Answer = std::function<void(payment::ProviderAnswer)>;
  void arrive(const payment::ProviderRequest& request, const Answer& answer);
  std::optional<payment::ProviderAnswer> decide(const payment::ProviderRequest& request);
  std::optional<payment::ProviderAnswer> authorize(const payment::ProviderRequest& request);
  payment::ProviderAnswer move_money(const payment::ProviderRequest& request);
  payment::ProviderAnswer answer_of(const Entry& entry) const;
  payment::ProviderAnswer record(const payment::ProviderRequest& request, const std::string& key,
                                 const std::string& kind, const Money& amount,
                                 const std::string& code = "",
                                 std::optional<Timestamp> told_at = {});
  [[nodiscard]] const Entry* find(const std::string& key) const;
  [[nodiscard]] std::int64_t sum(const std::string& payment_id, std::string_view kind) const;
  void report_perhaps(std::size_t at, const std::string& token);
  void report(std::size_t at, Duration delay, int tries);

  World& world_;
  const Crypto& crypto_;
  std::vector<Entry> ledger_;
  std::map<std::string, std::size_t> by_key_;
  int reports_open_ = 0;
};

}  // namespace stoa::simulation
