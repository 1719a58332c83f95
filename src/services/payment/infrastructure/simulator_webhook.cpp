#include "kernel/json/codec.hpp"
#include "services/payment/infrastructure/simulator.hpp"

namespace stoa::payment {
namespace {

/// The body of the simulator's webhooks.
struct SimulatorEvent {
  std::string id, type, payment_id, reference, code;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    using E = SimulatorEvent;
    return std::tuple{field("id", &E::id, Text{1, 255}),
                      field("type", &E::type, Text{1, 100}),
                      field("payment_id", &E::payment_id, Text{1, 100}),
                      field("reference", &E::reference, Text{0, 255}),
                      field("amount", &E::amount),
                      field("code", &E::code, Text{0, 100})};
  }
};

/// What it may report; a payment's own state decides what becomes of it.
bool is_reported(Outcome outcome) {
  return outcome == Outcome::authorized || outcome == Outcome::captured ||
         outcome == Outcome::declined || outcome == Outcome::pending;
}

}  // namespace

Result<std::optional<ProviderReport>> read_simulator_webhook(std::string_view body) {
  auto event = json::read_input<SimulatorEvent>(body);
  if (!event) return fail(ErrorKind::malformed, "malformed_event", event.error().detail);
  constexpr std::string_view prefix = "payment.";
  const bool is_ours = event->type.starts_with(prefix);
  const auto outcome =
      is_ours ? json::from_name<Outcome>(std::string_view(event->type).substr(prefix.size()))
              : std::nullopt;
  if (!outcome || !is_reported(*outcome)) return std::nullopt;
  return ProviderReport{
      .event_id = std::move(event->id),
      .type = std::move(event->type),
      .payment_id = std::move(event->payment_id),
      .order_id = {},
      .reference = {},
      .key = {},
      .answer = {*outcome, event->amount, std::move(event->reference), std::move(event->code)}};
}

std::string write_simulator_webhook(const ProviderReport& report) {
  return json::to_stored_json(SimulatorEvent{report.event_id, report.type, report.payment_id,
                                             report.answer.reference, report.answer.code,
                                             report.answer.amount});
}

}  // namespace stoa::payment
