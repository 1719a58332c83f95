#pragma once

#include "kernel/mediator/service_context.hpp"
#include "services/ordering/application/assessment_source.hpp"

namespace stoa::ordering {

/// `POST /v1/orders/{id}/assess`. `source` outlives the router.
void add_order_assessment(ServiceContext& context, AssessmentSource& source);

}  // namespace stoa::ordering
