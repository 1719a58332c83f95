#include "services/agents/module.hpp"

#include "services/agents/api/assessments_api.hpp"
#include "services/agents/infrastructure/sql_order_history.hpp"

namespace stoa::agents {
namespace {

class Module final : public Agents {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own, FraudOptions options)
      : history_(make_sql_order_history(context.store.db)),
        assessor_(context.store.log, own, *history_, options.reject_at) {
    context.executor.every(std::chrono::seconds(10),
                           [this](UnitOfWork& unit) { assessor_.forget_old(unit); });
    add_assessment_routes(context.router, context.readers);
  }
  FraudAssessor& assessor() { return assessor_; }

 private:
  std::unique_ptr<OrderHistory> history_;
  FraudAssessor assessor_;
};

}  // namespace

std::unique_ptr<Agents> make_agents(ServiceContext& context, Topic<contracts::Event>& own,
                                    Topic<ordering::contracts::Event>& ordering,
                                    FraudOptions options) {
  auto module = std::make_unique<Module>(context, own, options);
  ordering.subscribe(module->assessor());
  return module;
}

contracts::FraudAssessed assess_anew(Store store,
                                     const ordering::contracts::AssessmentRequested& order,
                                     FraudOptions options) {
  return assess_anew(*make_sql_order_history(store.db), order, options.reject_at);
}

messaging::QueuePlan assessment_queue() {
  return {.name = "agents.assessments", .kind = messaging::QueuePlan::Kind::requests};
}

std::optional<NewEvent> published(const RecordedEvent& row) {
  const auto event = translate(decode_event<StoredEvent>(row.type, row.data), row);
  return event ? std::optional(encode_event(*event)) : std::nullopt;
}

}  // namespace stoa::agents
