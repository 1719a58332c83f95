#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/mediator/readers.hpp"

namespace stoa {

struct ReplicaUse {
  std::function<bool()> is_well;             ///< whether it is worth asking
  std::function<void(bool on_replica)> ran;  ///< told where a query ran; both from any thread
};

/// Readers of a service whose stale queries run on a replica, and on the primary when the replica
/// is not well, has not come to the position, or fails at them.
std::unique_ptr<Readers> make_replica_readers(std::string service, std::unique_ptr<Readers> primary,
                                              std::unique_ptr<Readers> replica, ReplicaUse use);

}  // namespace stoa
