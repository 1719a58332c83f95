#include "kernel/eventlog/epochs.hpp"

#include <charconv>
#include <optional>

namespace stoa {
namespace {

/// `catalog:12@7`, cut up; nothing when it is no such text.
struct Part {
  std::string_view service;
  std::string_view before_epoch;  // `catalog:12`
  std::int64_t position = 0;
  std::int64_t epoch = LogEpochs::first;
};

bool read(std::string_view text, std::int64_t& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc{} && end == text.data() + text.size() && to >= 0;
}

std::optional<Part> cut_up(std::string_view text) {
  Part part;
  const auto sign = text.find_first_of(":=");
  if (sign == std::string_view::npos) return std::nullopt;
  const auto at = text.find('@');
  part.service = text.substr(0, sign);
  part.before_epoch = text.substr(0, at);
  if (!read(part.before_epoch.substr(std::min(sign + 1, part.before_epoch.size())), part.position))
    return std::nullopt;
  if (at != std::string_view::npos && !read(text.substr(at + 1), part.epoch)) return std::nullopt;
  return part;
}

template <class Each>
std::string for_each_part(std::string_view text, Each&& each) {
  std::string result;
  for (std::size_t from = 0; from <= text.size();) {
    const auto comma = std::min(text.find(',', from), text.size());
    if (from > 0) result += ',';
    result += each(text.substr(from, comma - from));
    from = comma + 1;
  }
  return result;
}

}  // namespace

std::optional<LogEpochs> ServiceEpochs::of(std::string_view service) const {
  if (const auto at = logs_.find(service); at != logs_.end()) return at->second;
  return others_ == Others::not_judged ? std::nullopt : std::optional(LogEpochs{});
}

std::string ServiceEpochs::mark(std::string_view positions) const {
  if (logs_.empty()) return std::string(positions);
  return for_each_part(positions, [this](std::string_view text) {
    const auto part = cut_up(text);
    const auto log = part ? of(part->service) : std::nullopt;
    const auto epoch = log ? log->current() : LogEpochs::first;
    return std::string(text) + (epoch == LogEpochs::first ? "" : "@" + std::to_string(epoch));
  });
}

Result<std::string> ServiceEpochs::unmark(std::string_view positions) const {
  std::string gone;
  auto plain = for_each_part(positions, [&](std::string_view text) {
    const auto part = cut_up(text);
    if (!part) return std::string(text);
    const auto log = of(part->service);
    if (log && !log->holds(part->position, part->epoch))
      gone += (gone.empty() ? "" : " and ") + std::string(part->service);
    return std::string(part->before_epoch);
  });
  if (gone.empty()) return plain;
  return fail(log_epoch_changed(gone, common(positions)));
}

std::string ServiceEpochs::common(std::string_view positions) const {
  return for_each_part(positions, [this](std::string_view text) {
    const auto part = cut_up(text);
    const auto log = part ? of(part->service) : std::nullopt;
    if (!log) return std::string(text);
    const auto kept = std::min(part->position, log->common_with(part->epoch));
    return mark(std::string(part->service) + ":" + std::to_string(kept));
  });
}

Error log_epoch_changed(std::string_view gone, std::string_view common) {
  return {ErrorKind::conflict, "log_epoch_changed",
          "The shop was restored from a backup: what you have read of " + std::string(gone) +
              " is not all there any more. Undo what came after " + std::string(common) +
              " and go on from there."};
}

}  // namespace stoa
