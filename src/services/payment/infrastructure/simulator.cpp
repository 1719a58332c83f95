#include "services/payment/infrastructure/simulator.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "services/payment/application/webhook_signature.hpp"

namespace stoa::payment {
namespace {

constexpr std::string_view tables = R"sql(
CREATE TABLE sim_ledger(
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, payment_id TEXT NOT NULL, kind TEXT NOT NULL,
  amount INTEGER NOT NULL, currency TEXT NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL,
  report_at INTEGER);
CREATE INDEX sim_ledger_payment ON sim_ledger(payment_id);
)sql";

constexpr std::string_view append_only = R"sql(
CREATE TRIGGER sim_ledger_no_update BEFORE UPDATE ON sim_ledger
  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER sim_ledger_no_delete BEFORE DELETE ON sim_ledger
  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
)sql";

using Answer = std::function<void(ProviderAnswer)>;

/// More wait only when something is very wrong; they stay without an answer.
constexpr std::size_t calls_max = 100'000;

struct Entry {
  std::int64_t seq = 0;
  std::string payment_id, kind, code;
  Money amount;
  Timestamp at;
  std::optional<Timestamp> report_at;
};

std::string reference_of(std::int64_t seq) { return "sim_" + std::to_string(seq); }

struct Call {
  ProviderRequest request;
  Answer answer;
};

class TheSimulator final : public Simulator {
 public:
  TheSimulator(sql::Connection& db, sql::Transactions& transactions, const Clock& clock,
               const Crypto& crypto, std::string webhook_secret,
               std::function<void(const std::string&)> report_defect)
      : db_(db),
        transactions_(transactions),
        clock_(clock),
        crypto_(crypto),
        webhook_secret_(std::move(webhook_secret)),
        report_defect_(std::move(report_defect)) {
    // Reports that a crash kept from being sent are sent again.
    const auto since = to_unix_microseconds(clock.now() - std::chrono::minutes(1));
    db_.query(
        "SELECT seq, payment_id, kind, code, amount, currency, at, report_at FROM sim_ledger"
        " WHERE report_at > ?",
        [&](const sql::Row& row) { report_later(read_entry(row)); }, since);
    keep_scheduled();
    thread_ = std::thread([this] { serve(); });
  }
  ~TheSimulator() override { stop(); }

  void call(ProviderRequest request, Answer answer) override {
    {
      const std::lock_guard lock(mutex_);
      if (calls_.size() >= calls_max) return;
      calls_.push_back({std::move(request), std::move(answer)});
    }
    wake_.notify_one();
  }
  void payer_action(ProviderRequest, ActionAnswer answer) override { answer(std::nullopt); }
  void deliver_to(Deliver deliver) override {
    const std::lock_guard lock(mutex_);
    deliver_ = std::move(deliver);
  }
  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Actions = std::vector<std::function<void()>>;

  static constexpr std::string_view of_key =
      "SELECT seq, payment_id, kind, code, amount, currency, at, report_at FROM sim_ledger"
      " WHERE key = ?";

  /// All calls that wait share one durable commit; answers follow it.
  void serve() {
    for (;;) {
      std::vector<Call> batch;
      Actions due;
      {
        std::unique_lock lock(mutex_);
        const auto next =
            later_.empty() ? clock_.now() + std::chrono::hours(1) : later_.begin()->first;
        wake_.wait_for(lock, std::max(next - clock_.now(), Duration(0)),
                       [this] { return stopping_ || !calls_.empty() || !refused_.empty(); });
        if (stopping_) return;
        for (; !calls_.empty(); calls_.pop_front()) batch.push_back(std::move(calls_.front()));
        for (const auto& made : refused_) report_again(made);
        refused_.clear();
      }
      take_due(due);
      for (const auto& action : due) action();
      if (!batch.empty()) serve_calls(batch);
    }
  }

  void take_due(Actions& due) {
    while (!later_.empty() && later_.begin()->first <= clock_.now()) {
      due.push_back(std::move(later_.begin()->second));
      later_.erase(later_.begin());
    }
  }

  void serve_calls(std::vector<Call>& batch) {
    Actions answers;
    try {
      if (!transactions_.begin()) last_seq_.reset();
      for (const auto& call : batch) db_.prefetch(of_key, call.request.key);
      for (auto& call : batch) process(call, answers);
      transactions_.commit();
    } catch (const sql::Failure& failure) {
      transactions_.rollback();
      last_seq_.reset();
      scheduled_.clear();
      if (report_defect_)
        report_defect_(std::string("The simulator's ledger failed: ") + failure.what());
      return;  // without an answer: to the caller it is unknown, and it asks again
    }
    keep_scheduled();
    for (const auto& answer : answers) answer();
  }

  void process(Call& call, Actions& due) {
    const auto& request = call.request;
    switch (request.operation) {
      case Operation::authorize:
        return authorize(call, due);
      case Operation::find: {
        const auto found = entry(request.key);
        const ProviderAnswer nothing{Outcome::not_found, {}, "", ""};
        return reply(call, found ? answer_of(*found) : nothing, due);
      }
      case Operation::capture:
      case Operation::void_payment:
      case Operation::refund:
        return reply(call, move_money(request), due);
    }
  }

  void authorize(Call& call, Actions& due) {
    const auto& request = call.request;
    const auto& token = request.token;
    if (const auto found = entry(request.key)) {
      if (found->kind != "attempt") return reply(call, answer_of(*found), due);
      if (clock_.now() - found->at < std::chrono::seconds(20)) return;
      return reply(call,
                   answer_of(record(request, request.key + "#final", "refusal", request.amount,
                                    "payment_unavailable")),
                   due);
    }
    const std::string kind = request.capture ? "capture" : "authorization";
    if (token == "tok_timeout_then_nothing") {
      record(request, request.key, "attempt", request.amount, "");
    } else if (token == "tok_insufficient_funds") {
      refuse(call, "insufficient_funds", due);
    } else if (token == "tok_expired_card") {
      refuse(call, "expired_card", due);
    } else if (token == "tok_late_webhook") {
      const auto at = clock_.now() + std::chrono::seconds(5);
      const auto made = record(request, request.key, kind, request.amount, "", at);
      report_later(made);
      reply(call, answer_of(made), due);
    } else if (token == "tok_wrong_amount") {
      const Money other(request.amount.amount() + 100, request.amount.currency());
      reply(call, answer_of(record(request, request.key, kind, other, "")), due);
    } else if (token == "tok_ok" || token == "tok_fraud" || token == "tok_slow" ||
               token == "tok_timeout_then_success" || token == "tok_duplicate_webhook") {
      accept(call, record(request, request.key, kind, request.amount, ""), due);
    } else {  // tok_declined, and what nobody knows
      refuse(call, "payment_declined", due);
    }
  }

  void accept(Call& call, const Entry& made, Actions& due) {
    const auto& token = call.request.token;
    if (token == "tok_timeout_then_success") return;
    if (token == "tok_slow") {
      scheduled_.emplace_back(clock_.now() + std::chrono::seconds(2),
                              [answer = call.answer, text = answer_of(made)] { answer(text); });
      return;
    }
    reply(call, answer_of(made), due);
    if (token != "tok_duplicate_webhook") return;
    for (int i = 0; i < 2; ++i) due.push_back([this, made] { report(made); });
  }

  void refuse(Call& call, const std::string& code, Actions& due) {
    const auto& request = call.request;
    reply(call, answer_of(record(request, request.key, "refusal", request.amount, code)), due);
  }

  /// Capture, void or refund of what the ledger holds.
  ProviderAnswer move_money(const ProviderRequest& request) {
    if (const auto found = entry(request.key)) return answer_of(*found);
    const auto captured = sum(request.payment_id, "capture");
    if (request.operation == Operation::refund) {
      const auto left = captured - sum(request.payment_id, "refund");
      if (request.amount.amount() > left) return {Outcome::declined, {}, "", "refund_too_large"};
      return answer_of(record(request, request.key, "refund", request.amount, ""));
    }
    const auto held = sum(request.payment_id, "authorization");
    const Money took(captured > 0 ? captured : held, request.amount.currency());
    if (captured > 0) return {Outcome::captured, took, request.payment_id, ""};
    const bool voided = sum(request.payment_id, "void") > 0;
    const bool is_void = request.operation == Operation::void_payment;
    if (held == 0 || (voided && !is_void)) return {Outcome::declined, {}, "", "nothing_held"};
    return answer_of(record(request, request.key, is_void ? "void" : "capture", took, ""));
  }

  static void reply(const Call& call, ProviderAnswer answer, Actions& due) {
    due.push_back([to = call.answer, answer = std::move(answer)] { to(answer); });
  }

  void report_later(const Entry& made) {
    scheduled_.emplace_back(*made.report_at, [this, made] { report(made); });
  }
  void keep_scheduled() {
    for (auto& [at, action] : scheduled_) later_.emplace(at, std::move(action));
    scheduled_.clear();
  }
  /// As a signed webhook, again until it is taken.
  void report(const Entry& made) {
    Deliver deliver;
    {
      const std::lock_guard lock(mutex_);
      deliver = deliver_;
    }
    if (!deliver) return report_again(made);
    const auto body = write_simulator_webhook(
        {.event_id = "evt_" + reference_of(made.seq),
         .type = "payment." + std::string(json::name_of(answer_of(made).outcome)),
         .payment_id = made.payment_id,
         .order_id = {},
         .reference = {},
         .key = {},
         .answer = answer_of(made)});
    deliver(sign_webhook(crypto_, webhook_secret_, clock_.now(), body), body,
            [this, made](bool is_taken) {
              if (is_taken) return;
              {
                const std::lock_guard lock(mutex_);
                refused_.push_back(made);
              }
              wake_.notify_one();
            });
  }
  void report_again(const Entry& made) {
    later_.emplace(clock_.now() + std::chrono::milliseconds(100), [this, made] { report(made); });
  }

  [[nodiscard]] ProviderAnswer answer_of(const Entry& made) const {
    const auto reference = reference_of(made.seq);
    if (made.report_at && *made.report_at > clock_.now()) return {Outcome::pending, {}, "", ""};
    if (made.kind == "capture") return {Outcome::captured, made.amount, reference, ""};
    if (made.kind == "authorization") return {Outcome::authorized, made.amount, reference, ""};
    if (made.kind == "void") return {Outcome::voided, made.amount, reference, ""};
    if (made.kind == "refund") return {Outcome::refunded, made.amount, reference, ""};
    if (made.kind == "refusal") return {Outcome::declined, made.amount, "", made.code};
    return {Outcome::not_found, {}, "", ""};  // an attempt that came to nothing
  }

  Entry record(const ProviderRequest& request, const std::string& key, const std::string& kind,
               const Money& amount, const std::string& code,
               std::optional<Timestamp> report_at = {}) {
    const auto now = clock_.now();
    const auto report = report_at ? std::optional(to_unix_microseconds(*report_at)) : std::nullopt;
    if (!last_seq_)
      last_seq_ = db_.one("SELECT coalesce(max(seq), 0) FROM sim_ledger",
                          [](const sql::Row& row) { return row.integer(0); });
    const auto seq = ++*last_seq_;
    db_.execute(
        "INSERT INTO sim_ledger(seq, key, payment_id, kind, amount, currency, code, at, report_at)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        seq, key, request.payment_id, kind, amount.amount(), amount.currency().code(), code,
        to_unix_microseconds(now), report);
    return {seq, request.payment_id, kind, code, amount, now, report_at};
  }

  std::optional<Entry> entry(const std::string& key) {
    auto found = db_.one(of_key, read_entry, key);
    if (!found || found->kind != "attempt") return found;
    // A late refusal stands beside the attempt that it ends.
    auto late = db_.one(of_key, read_entry, key + "#final");
    return late ? late : found;
  }
  std::int64_t sum(const std::string& payment_id, std::string_view kind) {
    return db_
        .one(
            "SELECT coalesce(sum(amount), 0) FROM sim_ledger WHERE payment_id = ? AND kind = ?",
            [](const sql::Row& row) { return row.integer(0); }, payment_id, kind)
        .value_or(0);
  }
  static Entry read_entry(const sql::Row& row) {
    const auto currency = Currency::parse(row.text(5));
    STOA_ASSERT(currency.has_value());
    const auto report = row.optional_integer(7);
    return {row.integer(0),
            std::string(row.text(1)),
            std::string(row.text(2)),
            std::string(row.text(3)),
            Money(row.integer(4), *currency),
            from_unix_microseconds(row.integer(6)),
            report ? std::optional(from_unix_microseconds(*report)) : std::nullopt};
  }

  sql::Connection& db_;
  sql::Transactions& transactions_;
  const Clock& clock_;
  const Crypto& crypto_;
  std::string webhook_secret_;
  std::optional<std::int64_t> last_seq_;  ///< of the ledger, as this one knows it
  std::function<void(const std::string&)> report_defect_;
  // Of the transaction at hand; it counts once that is durable.
  std::vector<std::pair<Timestamp, std::function<void()>>> scheduled_;
  std::multimap<Timestamp, std::function<void()>> later_;  // the simulator's thread only
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Call> calls_;
  Deliver deliver_;
  std::vector<Entry> refused_;  ///< reports to be sent again
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Simulator> make_simulator(sql::Connection& ledger, sql::Transactions& transactions,
                                          const Clock& clock, const Crypto& crypto,
                                          std::string webhook_secret,
                                          std::function<void(const std::string&)> report_defect) {
  return std::make_unique<TheSimulator>(ledger, transactions, clock, crypto,
                                        std::move(webhook_secret), std::move(report_defect));
}

void for_each_entry(sql::Connection& ledger, const std::function<bool(const LedgerEntry&)>& each) {
  ledger.query(
      "SELECT seq, kind, key, payment_id, amount, currency, code, at FROM sim_ledger ORDER BY seq",
      [&](const sql::Row& row) {
        const auto currency = Currency::parse(row.text(5));
        STOA_ASSERT(currency.has_value());
        return each({row.integer(0), std::string(row.text(1)), std::string(row.text(2)),
                     std::string(row.text(3)), Money(row.integer(4), *currency),
                     std::string(row.text(6)), from_unix_microseconds(row.integer(7)),
                     reference_of(row.integer(0))});
      });
}

sql::Migrations simulator_migrations() {
  static const std::string schema = std::string(tables) + std::string(append_only);
  return {"sim_", {schema}};
}

sql::Migrations shared_simulator_migrations() { return {"sim_", {tables}}; }

}  // namespace stoa::payment
