#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "main/configuration.hpp"

namespace stoa {

struct RepublishOptions {
  std::string log;                 ///< one of `log_names()`
  std::int64_t from = 1;           ///< position in it
  std::optional<std::int64_t> to;  ///< the last one; nothing: all that was published
  std::string topic;               ///< for whoever reads it, or
  std::string group;               ///< the service that takes what it lacks
};

struct Republished {
  std::int64_t messages = 0;
  std::int64_t to = 0;
  std::string topic;
};

/// Publishes integration events of a log again, just as the log's relay did, in the replay topic of
/// one service or in a topic for others, which is made if need be. `invalid` for a range that was
/// not published, or a topic that is the services' own. Throws std::runtime_error when a setting is
/// missing, or database or brokers fail.
Result<Republished> republish(const Configuration& configuration, const RepublishOptions& options);

}  // namespace stoa
