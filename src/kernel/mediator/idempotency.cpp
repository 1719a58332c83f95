#include "kernel/mediator/idempotency.hpp"

#include <chrono>

#include "kernel/base/planted.hpp"

namespace stoa {

Idempotency::Idempotency(sql::Connection& db, std::string_view prefix) : db_(db) {
  const auto table = std::string(prefix) + "idempotency";
  find_ = "SELECT resource_id, body_hash FROM " + table +
          " WHERE key = ? AND principal = ? AND route = ?";
  store_ = std::string(planted(Defect::no_idempotency_lookup) ? "INSERT OR REPLACE" : "INSERT") +
           " INTO " + table +
           "(principal, route, key, body_hash, resource_id, created_at) VALUES(?, ?, ?, ?, ?, ?)";
  forget_ = "DELETE FROM " + table +
            " WHERE (principal, route, key) IN (SELECT principal, route, " + "key FROM " + table +
            " WHERE created_at < ? LIMIT 1000)";
}

std::string Idempotency::schema(std::string_view prefix) {
  const auto table = std::string(prefix) + "idempotency";
  return "CREATE TABLE " + table +
         "(principal TEXT NOT NULL, route TEXT NOT NULL, key TEXT NOT NULL,"
         " body_hash TEXT NOT NULL, resource_id TEXT NOT NULL, created_at INTEGER NOT NULL,"
         " PRIMARY KEY(principal, route, key)) WITHOUT ROWID;"
         "CREATE INDEX " +
         table + "_age ON " + table + "(created_at);";
}

Result<std::optional<std::string>> Idempotency::find(const IdempotencyKey& key) {
  struct Found {
    std::string resource_id, body_hash;
  };
  if (planted(Defect::no_idempotency_lookup)) return std::optional<std::string>{};
  const auto found = db_.one(
      find_,
      [](const sql::Row& row) { return Found{std::string(row.text(0)), std::string(row.text(1))}; },
      key.key, key.principal, key.route);
  if (!found) return std::optional<std::string>{};
  if (found->body_hash != key.body_hash)
    return fail(Error{ErrorKind::invalid,
                      "idempotency_key_reused",
                      "This Idempotency-Key came before with another body.",
                      {{"header/Idempotency-Key", "idempotency_key_reused", "Use a new key."}}});
  return std::optional(found->resource_id);
}

void Idempotency::prefetch(const IdempotencyKey& key) {
  db_.prefetch(find_, key.key, key.principal, key.route);
}

void Idempotency::store(const IdempotencyKey& key, std::string_view resource_id, Timestamp now) {
  db_.execute(store_, key.principal, key.route, key.key, key.body_hash, resource_id,
              to_unix_microseconds(now));
}

void Idempotency::forget_old(Timestamp now) {
  db_.execute(forget_, to_unix_microseconds(now - std::chrono::hours(24 * 7)));
}

}  // namespace stoa
