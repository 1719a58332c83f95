#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// Where a log ends: who keeps it elsewhere can tell later that nothing up to it was rewritten.
struct ChainHead {
  static constexpr std::string_view schema_name = "ChainHead";
  std::string service;
  std::int64_t epoch = 1;
  std::int64_t position = 0;  ///< 0: nothing stands there yet
  std::string hash;           ///< of that event
  static constexpr auto fields() {
    using namespace json;
    using C = ChainHead;
    return std::tuple{field("service", &C::service), field("epoch", &C::epoch),
                      field("position", &C::position), field("hash", &C::hash)};
  }
};

struct ChainAudit {
  static constexpr std::string_view schema_name = "ChainAudit";
  bool clean = true;
  std::vector<std::string> findings;
  std::int64_t events = 0;
  std::vector<ChainHead> heads;
  static constexpr auto fields() {
    using namespace json;
    using C = ChainAudit;
    return std::tuple{field("clean", &C::clean),
                      field("findings", &C::findings, Items{0, 1000, Text{0, 1000}}),
                      field("events", &C::events), field("heads", &C::heads, Items{0, 100})};
  }
};

/// Computes the chain of hashes of every log anew and holds it against what is stored, against the
/// logs' own heads and against the `kept` ones. `shop` is one read snapshot of the whole file.
ChainAudit audit_chain(sql::Connection& shop, const Crypto& crypto,
                       const std::vector<ChainHead>& kept);

/// Heads in one line, `ordering@1:12:<hash>,…`, and back; nothing when the text is none.
std::string to_text(const std::vector<ChainHead>& heads);
std::optional<std::vector<ChainHead>> parse_heads(std::string_view text);

}  // namespace stoa
