#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/result.hpp"
#include "kernel/mediator/unit_of_work.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// A client's Idempotency-Key with what it was used for.
struct IdempotencyKey {
  std::string principal;  ///< a key of one client is no key of another's
  std::string route;
  std::string key;
  std::string body_hash;
};

/// The used keys of one service, in its table `<prefix>idempotency`; writer thread only. The row is
/// written in the transaction of the command, so key and effect are kept together or not at all.
class Idempotency {
 public:
  Idempotency(sql::Connection& db, std::string_view prefix);

  static std::string schema(std::string_view prefix);

  /// The resource that the key made; nothing for a new key; `idempotency_key_reused` (invalid) when
  /// the key came with another body.
  Result<std::optional<std::string>> find(const IdempotencyKey& key);
  /// `find` will be asked.
  void prefetch(const IdempotencyKey& key);
  void store(const IdempotencyKey& key, std::string_view resource_id, Timestamp now);
  /// Forgets keys older than a week, at most 1,000 a call; called once an interval it keeps up with
  /// a thousand commands a second.
  static constexpr Duration sweep_interval = std::chrono::seconds(1);
  void forget_old(Timestamp now);

 private:
  sql::Connection& db_;
  std::string find_, store_, forget_;
};

}  // namespace stoa
