#pragma once

#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"

namespace stoa::agents {

void add_assessment_routes(http::Router& router, Readers& readers);

}  // namespace stoa::agents
