#include <boost/json/serialize.hpp>
#include <optional>
#include <string>

#include "fuzz/targets.hpp"
#include "kernel/eventlog/journal.hpp"
#include "kernel/json/difference.hpp"
#include "services/agents/application/fraud_assessor.hpp"
#include "services/agents/contracts/events.hpp"
#include "services/catalog/contracts/events.hpp"
#include "services/catalog/domain/events.hpp"
#include "services/notification/contracts/events.hpp"
#include "services/notification/domain/notification.hpp"
#include "services/ordering/api/order_bodies.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/ordering/domain/events.hpp"
#include "services/payment/contracts/events.hpp"
#include "services/payment/domain/payment.hpp"
#include "services/shop/application/merge_patch.hpp"
#include "services/shop/contracts/events.hpp"
#include "services/shop/domain/settings.hpp"

namespace stoa::fuzz {
namespace {

template <class Body>
void read_body(std::string_view input) {
  const auto body = json::read_input<Body>(input);
  if (!body) {
    require(body.error().kind == ErrorKind::malformed || !body.error().fields.empty(),
            "a fault has its place");
    require(body.error().fields.size() <= 100, "the faults are bounded");
  }
}

/// What is read of a stored event of any version is written so that it is read again.
template <class Variant>
void read_events(const json::Value& value) {
  for_each_event_version<Variant>([&]<class Event>(std::type_identity<Event>) {
    const auto event = json::read_stored<Event>(value);
    if (!event) return;
    const auto text = json::to_stored_json(*event);
    const auto present = encode_event(decode_event<Variant>(Event::type, text));
    require(encode_event(decode_event<Variant>(present.type, present.data)).data == present.data,
            "a stored event is read as it was written");
  });
}

}  // namespace

void json_body(std::string_view input) {
  read_body<ordering::PlaceOrderBody>(input);
  read_body<ordering::RefundBody>(input);
  read_body<ordering::ReturnBody>(input);
  read_body<ordering::FulfilBody>(input);
  const auto value = json::parse(input);
  if (!value) return;
  const auto text = boost::json::serialize(*value);
  const auto again = json::parse(text);
  require(again.has_value(), "JSON that was written can be read");
  require(boost::json::serialize(*again) == text, "and is the same");
}

void merge_patch(std::string_view input) {
  const auto target = json::parse(take_line(input));
  const auto patch = json::parse(input);
  if (!target || !patch) return;
  const auto merged = shop::merge_patch(*target, *patch);
  require(shop::merge_patch(merged, *patch) == merged, "a patch twice is a patch once");
  require(json::differences(merged, merged).empty(), "nothing differs from itself");
  require(json::differences(*target, merged).empty() == (*target == merged),
          "what differs is told");
}

void stored_events(std::string_view input) {
  const auto value = json::parse(input);
  if (!value) return;
  read_events<catalog::StoredEvent>(*value);
  read_events<catalog::contracts::Event>(*value);
  read_events<ordering::OrderEvent>(*value);
  read_events<ordering::contracts::Event>(*value);
  read_events<payment::PaymentEvent>(*value);
  read_events<payment::contracts::Event>(*value);
  read_events<notification::StoredEvent>(*value);
  read_events<notification::contracts::Event>(*value);
  read_events<agents::StoredEvent>(*value);
  read_events<agents::contracts::Event>(*value);
  read_events<shop::StoredEvent>(*value);
  read_events<shop::contracts::Event>(*value);
}

}  // namespace stoa::fuzz
