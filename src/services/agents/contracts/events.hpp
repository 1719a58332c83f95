#pragma once

#include <string>
#include <variant>
#include <vector>

#include "kernel/json/codec.hpp"

namespace stoa::agents::contracts {

/// How likely an order is a fraud, with the reasons of each rule that spoke.
struct FraudAssessed {
  static constexpr std::string_view type = "agents.FraudAssessed.v1";
  std::string order_id;
  std::int64_t score = 0;  ///< 0 (no doubt) to 100
  bool reject = false;
  std::vector<std::string> reasons;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &FraudAssessed::order_id),
                      field("score", &FraudAssessed::score, Range{0, 100}),
                      field("reject", &FraudAssessed::reject),
                      field("reasons", &FraudAssessed::reasons)};
  }
};

using Event = std::variant<FraudAssessed>;

}  // namespace stoa::agents::contracts
