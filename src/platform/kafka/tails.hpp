#pragma once

#include <map>
#include <vector>

#include "kernel/messaging/relay.hpp"
#include "platform/kafka/settings.hpp"

namespace stoa::kafka {

/// What stands last in each lane, as messaging::Publisher has it. Throws Failure when the brokers
/// do not tell within some seconds.
std::map<messaging::Lane, messaging::Tail> tails_of(const Settings& settings,
                                                    const std::vector<messaging::Lane>& lanes);

}  // namespace stoa::kafka
