#pragma once

#include <memory>
#include <optional>

#include "kernel/base/time_zones.hpp"
#include "kernel/jobs/export.hpp"
#include "kernel/jobs/jobs.hpp"
#include "kernel/mediator/service_context.hpp"
#include "kernel/messaging/topic.hpp"
#include "services/agents/contracts/events.hpp"
#include "services/catalog/contracts/events.hpp"
#include "services/ordering/application/assessment_source.hpp"
#include "services/ordering/application/offer_source.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/ordering/contracts/order_facts.hpp"
#include "services/ordering/domain/order.hpp"
#include "services/payment/contracts/events.hpp"
#include "services/shop/contracts/events.hpp"

namespace stoa::ordering {

/// The running service; ends after the executor and the readers have stopped.
class Ordering {
 public:
  virtual ~Ordering() = default;
  /// Its cursors are positions of Ordering's log, without an epoch; it has no route yet.
  [[nodiscard]] virtual jobs::ExportSourcePtr order_export() const = 0;
  virtual std::unique_ptr<jobs::Kind> deadline_sweep() = 0;
};

/// `payment_providers` are the names that an order may ask for. `offers` is asked before an order
/// is refused for what the copy of Catalog's offers says, `assessments` for an operator's look;
/// both outlive the module.
std::unique_ptr<Ordering> make_ordering(ServiceContext& context, Topic<contracts::Event>& own,
                                        Topic<catalog::contracts::Event>& catalog,
                                        Topic<payment::contracts::Event>& payment,
                                        Topic<agents::contracts::Event>& agents,
                                        Topic<shop::contracts::Event>& shop, OfferSource& offers,
                                        AssessmentSource& assessments, const TimeZones& zones,
                                        Deadlines deadlines,
                                        std::vector<std::string> payment_providers);

/// What is wrong with a pattern of order numbers, for a person; empty when nothing is.
std::string number_pattern_fault(const std::string& prefix, const std::string& pattern);

sql::Migrations migrations();

/// What a message may tell of an order; nothing when there is no such order. On a reader thread.
std::optional<contracts::OrderFacts> order_facts(Store store, const Crypto& crypto,
                                                 std::string_view order_id);

/// The integration event of a stored one as type and JSON text, if it has one.
std::optional<NewEvent> published(const RecordedEvent& row);

}  // namespace stoa::ordering
