#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa {

/// The effective settings, by their path as in `Fraud:RejectAt`. Made by `load_configuration` only,
/// so every known path has a value (perhaps empty) and every value is valid.
class Configuration {
 public:
  [[nodiscard]] const std::string& text(std::string_view path) const;
  [[nodiscard]] double ratio(std::string_view path) const;  ///< 0 to 1
  [[nodiscard]] std::int64_t integer(std::string_view path) const;
  /// The members of a text like `a, b`; none of an empty one.
  [[nodiscard]] std::vector<std::string> list(std::string_view path) const;
  /// JSON in the shape of appsettings.json; secrets are shown as `***`.
  [[nodiscard]] std::string to_masked_json() const;

 private:
  friend Result<Configuration> load_configuration(const std::string&,
                                                  const std::map<std::string, std::string>&);
  std::map<std::string, std::string, std::less<>> values_;
};

/// Reads `file` (JSON; a missing file is an empty one) and then the environment, where
/// `STOA__Fraud__RejectAt` overrides `Fraud:RejectAt`. Every unknown key and wrong value is named.
Result<Configuration> load_configuration(const std::string& file,
                                         const std::map<std::string, std::string>& environment);

/// The variables of this process.
std::map<std::string, std::string> process_environment();

}  // namespace stoa
