#pragma once

#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/eventlog/news.hpp"
#include "kernel/http/router.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/mediator/readers.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa {

/// What the composition root gives to a service's module. It, and all
/// in it, outlives the module.
struct ServiceContext {
  Store store;  ///< the writer's: on the writer thread only, and before the executor starts
  Executor& executor;
  Readers& readers;
  const Clock& clock;
  IdSource& ids;
  const Crypto& crypto;
  http::Router& router;
  const telemetry::Tracer& tracer;          ///< off when no telemetry is configured
  std::vector<Participant*>& participants;  ///< a module adds its own
  std::string shop_secret;  ///< for tokens and fingerprints; never leaves the process
  News& news;               ///< what its streams have grown by; a module notes it
};

}  // namespace stoa
