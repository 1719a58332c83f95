#pragma once

#include <memory>
#include <vector>

#include "kernel/http/client.hpp"
#include "kernel/telemetry/pipeline.hpp"
#include "main/configuration.hpp"

namespace stoa {

/// What `Logging:Level` says.
telemetry::Level log_level(const Configuration& configuration);

/// Spans, figures and logs to the collectors that are configured. With none it is an idle pointer.
class Telemetry {
 public:
  /// Throws std::runtime_error when the libraries of a configured exporter are missing. All
  /// outlive it.
  Telemetry(const Configuration& configuration, const Clock& clock, IdSource& ids,
            telemetry::Metrics& metrics, telemetry::Log& log);
  ~Telemetry();

  [[nodiscard]] const telemetry::Tracer& tracer() const { return tracer_; }
  void start();
  void stop();

 private:
  class Fan;

  telemetry::Log& log_;
  std::unique_ptr<http::Client> http_;
  std::vector<std::unique_ptr<telemetry::Pipeline>> pipelines_;
  std::unique_ptr<Fan> fan_;
  telemetry::Tracer tracer_;
};

}  // namespace stoa
