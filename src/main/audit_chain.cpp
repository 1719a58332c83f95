#include "main/audit_chain.hpp"

#include <algorithm>
#include <charconv>

#include "kernel/base/text.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "main/backup_cut.hpp"

namespace stoa {
namespace {

constexpr std::size_t heads_max = 100;
constexpr std::size_t findings_max = 1'000;

std::string told(const ChainDamage& damage) {
  const auto from = std::to_string(damage.from);
  const bool is_one = damage.from == damage.to;
  const auto rows =
      is_one ? "position " + from : "positions " + from + " to " + std::to_string(damage.to);
  switch (damage.kind) {
    case ChainDamage::Kind::missing:
      return rows + (is_one ? " is missing" : " are missing");
    case ChainDamage::Kind::changed:
      return rows + (is_one ? " was" : " were") + " changed or put in";
    case ChainDamage::Kind::beyond_head:
      return rows + (is_one ? " stands" : " stand") + " beyond the head";
  }
  return rows;
}

class ChainAuditor {
 public:
  ChainAuditor(sql::Connection& shop, const Crypto& crypto) : shop_(shop), crypto_(crypto) {}

  ChainAudit run(const std::vector<ChainHead>& kept) {
    for (const auto& log : logs_of(shop_)) walk(log);
    for (const auto& head : kept) hold_against(head);
    audit_.clean = audit_.findings.empty();
    return std::move(audit_);
  }

 private:
  void find(std::string what) {
    if (audit_.findings.size() < findings_max) audit_.findings.push_back(std::move(what));
  }

  void walk(const LogCut& log) {
    const auto walked = verify_chain(shop_, log.service + "_", crypto_);
    audit_.events += walked.events;
    audit_.heads.push_back({log.service, log.epoch, walked.head_position, walked.head_hash});
    for (const auto& damage : walked.damages) find(log.service + ": " + told(damage));
    const bool is_short = walked.head_position < log.position;
    if (is_short)
      find(log.service + ": ends at position " + std::to_string(walked.head_position) +
           ", and its head is at " + std::to_string(log.position));
    if (!walked.ends_at_head && walked.head_position == log.position)
      find(log.service + ": the head is not of the last row");
  }

  void hold_against(const ChainHead& kept) {
    const auto at = std::ranges::find(audit_.heads, kept.service, &ChainHead::service);
    if (at == audit_.heads.end()) return find(kept.service + ": there is no such log any more");
    if (kept.position == 0) return;
    const auto hash = shop_.one(
        "SELECT hash FROM " + at->service + "_log WHERE position = ?",
        [](const sql::Row& row) { return std::string(row.text(0)); }, kept.position);
    if (hash == kept.hash) return;
    auto what = kept.service + ": position " + std::to_string(kept.position) +
                (hash ? " is not what was kept" : ", which was kept, is gone");
    if (at->epoch != kept.epoch) what += "; the shop was restored from a backup since";
    find(std::move(what));
  }

  sql::Connection& shop_;
  const Crypto& crypto_;
  ChainAudit audit_;
};

bool read_number(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number >= 0;
}

/// `ordering@1:12:<hash>`.
std::optional<ChainHead> parse_head(std::string_view text) {
  const auto mark = text.find('@');
  const auto first = text.find(':');
  const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos || mark >= first) return std::nullopt;
  ChainHead head{std::string(text.substr(0, mark)), 0, 0, std::string(text.substr(second + 1))};
  const bool good = read_number(text.substr(mark + 1, first - mark - 1), head.epoch) &&
                    read_number(text.substr(first + 1, second - first - 1), head.position);
  return good ? std::optional(std::move(head)) : std::nullopt;
}

}  // namespace

ChainAudit audit_chain(sql::Connection& shop, const Crypto& crypto,
                       const std::vector<ChainHead>& kept) {
  return ChainAuditor(shop, crypto).run(kept);
}

std::string to_text(const std::vector<ChainHead>& heads) {
  std::string text;
  for (const auto& head : heads)
    text.append(text.empty() ? "" : ",")
        .append(head.service)
        .append("@")
        .append(std::to_string(head.epoch))
        .append(":")
        .append(std::to_string(head.position))
        .append(":")
        .append(head.hash);
  return text;
}

std::optional<std::vector<ChainHead>> parse_heads(std::string_view text) {
  std::vector<ChainHead> heads;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto head = parse_head(text.substr(0, comma));
    if (!head || heads.size() == heads_max) return std::nullopt;
    heads.push_back(std::move(*head));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return heads;
}

}  // namespace stoa
