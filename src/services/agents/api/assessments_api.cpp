#include "services/agents/api/assessments_api.hpp"

#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "services/agents/application/fraud_assessor.hpp"

namespace stoa::agents {
namespace {

using http::Reply;
using http::RequestPtr;

struct AssessmentView {
  static constexpr std::string_view schema_name = "FraudAssessment";
  std::string order_id;
  std::int64_t score = 0;
  bool reject = false;
  std::vector<std::string> reasons;
  Timestamp assessed_at;
  static constexpr auto fields() {
    using namespace json;
    using V = AssessmentView;
    return std::tuple{field("order_id", &V::order_id),
                      field("score", &V::score, Range{0, 100}, "0 is no doubt, 100 the greatest"),
                      field("reject", &V::reject),
                      field("reasons", &V::reasons, Unbounded{}, "one of each rule that spoke"),
                      field("assessed_at", &V::assessed_at)};
  }
};

std::optional<AssessmentView> find_assessment(EventLog& log, const std::string& order_id) {
  std::optional<AssessmentView> found;
  log.read_stream(stream_of(order_id), 0, [&](const RecordedEvent& row) {
    const auto event = std::get<FraudAssessed>(decode_event<StoredEvent>(row.type, row.data));
    found =
        AssessmentView{event.order_id, event.score, event.reject, event.reasons, row.recorded_at};
    return true;
  });
  return found;
}

void show(Readers& readers, const RequestPtr& request, const Reply& reply) {
  http::answer_from_store(readers, request, reply, [request](Store store) {
    const auto& id = request->param("order_id");
    const auto found = ordering::OrderId::parse(id) ? find_assessment(store.log, id) : std::nullopt;
    return found ? http::json_response(200, json::to_json(*found))
                 : http::problem({ErrorKind::not_found, "assessment_not_found",
                                  "There is no assessment of such an order."},
                                 *request);
  });
}

}  // namespace

void add_assessment_routes(http::Router& router, Readers& readers) {
  router.add({.method = "GET",
              .path = "/v1/fraud/assessments/{order_id}",
              .access = http::Access::secret,
              .summary = "How likely an order is a fraud, and why",
              .tag = "Fraud",
              .handler = [&readers](const RequestPtr& request,
                                    const Reply& reply) { show(readers, request, reply); },
              .answer = http::schema_of<AssessmentView>()});
}

}  // namespace stoa::agents
