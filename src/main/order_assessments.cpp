#include "main/order_assessments.hpp"

namespace stoa {
namespace {

using agents::contracts::FraudAssessed;
using ordering::contracts::AssessmentRequested;

class LocalAssessmentSource final : public ordering::AssessmentSource {
 public:
  LocalAssessmentSource(Readers& readers, agents::FraudOptions options)
      : readers_(readers), options_(options) {}

  void assess(const AssessmentRequested& order, const std::string&, Then then) override {
    const bool taken =
        readers_.submit([order, options = options_,
                         then](Store store) { then(agents::assess_anew(store, order, options)); },
                        [then] { then(fail(internal_error())); });
    if (!taken) then(fail(overloaded()));
  }

 private:
  Readers& readers_;
  agents::FraudOptions options_;
};

/// A broker's words are for the log of an operator, not for a client.
Error told(const Error& error) {
  if (error.code != "tasks_unreachable") return error;
  return {ErrorKind::unavailable, "agents_unavailable",
          "Agents cannot be asked now: RabbitMQ cannot be reached. Try again shortly."};
}

class RemoteAssessmentSource final : public ordering::AssessmentSource {
 public:
  RemoteAssessmentSource(messaging::TaskCaller* caller, Duration deadline, const Clock& clock)
      : caller_(caller), deadline_(deadline), clock_(clock) {}

  void assess(const AssessmentRequested& order, const std::string& traceparent,
              Then then) override {
    if (caller_ == nullptr)
      return then(fail(ErrorKind::unavailable, "agents_unavailable",
                       "Agents is asked over RabbitMQ, and this fleet has none: see the setting "
                       "RabbitMQ:HostName."));
    caller_->ask(agents::assessment_queue(),
                 {order.order_id, std::string(AssessmentRequested::type), traceparent, clock_.now(),
                  json::to_json(order)},
                 deadline_, [then = std::move(then)](const Result<std::string>& answer) {
                   if (!answer) return then(fail(told(answer.error())));
                   then(json::read_stored<FraudAssessed>(*answer));
                 });
  }

 private:
  messaging::TaskCaller* caller_;
  Duration deadline_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<ordering::AssessmentSource> make_assessment_source(Readers& readers,
                                                                   agents::FraudOptions options) {
  return std::make_unique<LocalAssessmentSource>(readers, options);
}

std::unique_ptr<ordering::AssessmentSource> make_remote_assessment_source(
    messaging::TaskCaller* caller, Duration deadline, const Clock& clock) {
  return std::make_unique<RemoteAssessmentSource>(caller, deadline, clock);
}

messaging::TakeTask answers_assessments(Readers& readers, agents::FraudOptions options,
                                        std::function<void(const std::string&)> warn) {
  return [&readers, options, warn = std::move(warn)](const messaging::ReceivedTask& received,
                                                     const messaging::Settle& settle) {
    auto order = json::read_stored<AssessmentRequested>(received.task.data);
    if (!order) {
      warn("A request for an assessment cannot be read: " + order.error().detail);
      return settle(messaging::TaskOutcome::refused, {});
    }
    // Without an answer who asked is told so when its time is over.
    const auto give_up = [settle] { settle(messaging::TaskOutcome::refused, {}); };
    const bool taken = readers.submit(
        [order = std::move(*order), options, settle](Store store) {
          settle(messaging::TaskOutcome::done,
                 json::to_json(agents::assess_anew(store, order, options)));
        },
        give_up);
    if (!taken) give_up();
  };
}

}  // namespace stoa
