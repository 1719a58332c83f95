#pragma once

#include "gateway/forwarder.hpp"

namespace stoa {

/// `/v1/jobs` and all below it, of a fleet: each job is one of the service whose data it works on.
/// The list is that of all of them; an id is looked for with one after another; a new job goes to
/// the service that has its kind. `forwarder` outlives the handler.
http::Handler fleet_jobs(Forwarder& forwarder);

}  // namespace stoa
