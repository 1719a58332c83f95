#pragma once

#include "kernel/eventlog/journal.hpp"
#include "kernel/sql/connection.hpp"
#include "services/agents/contracts/events.hpp"
#include "services/agents/domain/fraud_rules.hpp"
#include "services/ordering/contracts/events.hpp"

namespace stoa::agents {

/// What the assessor remembers of orders: fingerprints, amounts and times.
class OrderHistory {
 public:
  virtual ~OrderHistory() = default;
  virtual void remember(const ordering::contracts::AssessmentRequested& order) = 0;
  /// `evidence` will be asked.
  virtual void prefetch(const ordering::contracts::AssessmentRequested& order, Timestamp until) = 0;
  /// Of the orders that were made until `until`, without this one.
  virtual Evidence evidence(const ordering::contracts::AssessmentRequested& order,
                            Timestamp until) = 0;
  /// Forgets some of the orders whose id sorts before this one.
  virtual void forget_before(const std::string& order_id) = 0;
};

/// What is stored is what is published: an assessment holds no secret.
struct FraudAssessed : contracts::FraudAssessed {
  static constexpr std::string_view type = "FraudAssessed.v1";
};
using StoredEvent = std::variant<FraudAssessed>;

std::string stream_of(const std::string& order_id);

std::optional<contracts::Event> translate(const StoredEvent& event, const RecordedEvent& row);

/// Judges an order by what is known now: orders that were made in the hour after it count like
/// those before. Nothing of it is written down.
contracts::FraudAssessed assess_anew(OrderHistory& history,
                                     const ordering::contracts::AssessmentRequested& order,
                                     std::int64_t reject_at);

/// Writer thread only.
class FraudAssessor {
 public:
  FraudAssessor(EventLog& log, Topic<contracts::Event>& topic, OrderHistory& history,
                std::int64_t reject_at)
      : history_(history), journal_(log, topic, translate), reject_at_(reject_at) {}

  void on(UnitOfWork& unit, const ordering::contracts::AssessmentRequested& order);
  void prefetch(const ordering::contracts::AssessmentRequested& order);
  /// Orders made more than 90 days ago count no more. Judged by the id, which holds the time of
  /// making: an order of long ago that was entered today is new here.
  void forget_old(UnitOfWork& unit) { history_.forget_before(oldest_kept(unit.now())); }

  static std::string oldest_kept(Timestamp now);

 private:
  OrderHistory& history_;
  Journal<StoredEvent, contracts::Event> journal_;
  std::int64_t reject_at_;
};

}  // namespace stoa::agents
