#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/sql/connection.hpp"
#include "main/configuration.hpp"

namespace stoa {

/// `warning`: the shop works, but somebody should look. `failure`: it does not, or soon will not.
BOOST_DEFINE_ENUM_CLASS(Health, good, warning, failure)

/// What one check found. Sentences hold no secrets and no personal data.
struct Finding {
  static constexpr std::string_view schema_name = "Finding";
  std::string check;  ///< stable name: configuration, disk, wal, clock, log, projections, …
  Health health = Health::good;
  std::string says;
  std::string advice;  ///< what to do; empty when all is well
  static constexpr auto fields() {
    using namespace json;
    using F = Finding;
    return std::tuple{field("check", &F::check), field("health", &F::health),
                      field("says", &F::says, Text{0, 1000}),
                      field("advice", &F::advice, Text{0, 1000})};
  }
};

struct Diagnosis {
  static constexpr std::string_view schema_name = "Diagnosis";
  Health health = Health::good;  ///< the worst of the findings
  Timestamp time;                ///< of the clock of the machine that looked
  std::string version;
  std::vector<Finding> findings;
  static constexpr auto fields() {
    using namespace json;
    using D = Diagnosis;
    return std::tuple{field("health", &D::health), field("time", &D::time),
                      field("version", &D::version), field("findings", &D::findings)};
  }
  void add(Finding finding);
};

/// What a check may look at.
struct Patient {
  sql::Connection& shop;  ///< all tables, in one moment
  std::string folder;
  const Configuration& configuration;
  Timestamp now;
};

/// Adds what it finds; one that finds nothing wrong says so. Throws sql::Failure.
using Check = std::function<void(const Patient&, Diagnosis&)>;

/// Those that need no running shop. A check of a service's tables is silent where they are missing.
const std::vector<Check>& checks_of_folder();

/// What to say of a file that the database refuses.
Finding unreadable(const sql::Failure& failure);

/// Runs checks; one that cannot be made is a failure that says why.
Diagnosis diagnose(const Patient& patient, const std::vector<Check>& checks);

}  // namespace stoa
