#include "kernel/eventlog/positions.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace stoa {
namespace {

constexpr std::size_t services_max = 32;

const std::pair<std::string, std::int64_t>* find(const PositionVector& positions,
                                                 std::string_view service) {
  const auto at = std::ranges::find(positions, service,
                                    [](const auto& one) { return std::string_view(one.first); });
  return at == positions.end() ? nullptr : &*at;
}

}  // namespace

std::string to_text(const PositionVector& positions) {
  std::string text;
  for (const auto& [service, position] : positions) {
    if (!text.empty()) text += ',';
    text.append(service).append("=").append(std::to_string(position));
  }
  return text;
}

std::optional<PositionVector> parse_positions(std::string_view text) {
  PositionVector positions;
  for (;;) {
    const auto part = text.substr(0, text.find(','));
    const auto equals = part.find('=');
    if (equals == 0 || equals == std::string_view::npos || positions.size() == services_max)
      return std::nullopt;
    const auto* last = part.data() + part.size();
    std::int64_t position = -1;
    const auto [end, error] = std::from_chars(part.data() + equals + 1, last, position);
    const auto service = part.substr(0, equals);
    if (error != std::errc{} || end != last || position < 0 || find(positions, service) != nullptr)
      return std::nullopt;
    positions.emplace_back(service, position);
    if (part.size() == text.size()) return positions;
    text.remove_prefix(part.size() + 1);
  }
}

std::int64_t LocalPositions::Source::durable() const {
  return std::max(head_at_start, log->durable_head());
}

void LocalPositions::add(std::string service, EventLog& log) {
  sources_.push_back({std::move(service), &log, log.head()});
}

PositionVector LocalPositions::durable() const {
  PositionVector positions;
  positions.reserve(sources_.size());
  for (const auto& source : sources_) positions.emplace_back(source.service, source.durable());
  return positions;
}

bool LocalPositions::stands_at(const PositionVector& positions) const {
  return std::ranges::equal(positions, sources_, [](const auto& one, const Source& source) {
    return one.second == source.durable() && one.first == source.service;
  });
}

bool LocalPositions::reached(const PositionVector& wanted) const {
  return std::ranges::all_of(wanted, [this](const auto& one) {
    const auto source = std::ranges::find(sources_, one.first, &Source::service);
    return source != sources_.end() && source->durable() >= one.second;
  });
}

void LocalPositions::when_reached(PositionVector wanted, std::function<void(bool)> then) {
  if (reached(wanted)) return then(true);
  {
    const std::lock_guard lock(mutex_);
    if (waits_.size() < waiting_max) {
      waits_.push_back({std::move(wanted), clock_.now() + patience, std::move(then)});
      waiting_ = waits_.size();
      then = nullptr;
    }
  }
  if (then) return then(false);
  committed();  // a commit between the look and the wait has told nobody
}

void LocalPositions::committed() noexcept {
  if (waiting_ > 0) settle(Timestamp::min());
}

void LocalPositions::expire() {
  if (waiting_ > 0) settle(clock_.now());
}

void LocalPositions::settle(Timestamp now) {
  std::vector<Wait> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto rest = std::partition(waits_.begin(), waits_.end(), [&](const Wait& wait) {
      return wait.deadline > now && !reached(wait.wanted);
    });
    std::move(rest, waits_.end(), std::back_inserter(ended));
    waits_.erase(rest, waits_.end());
    waiting_ = waits_.size();
  }
  for (auto& wait : ended) wait.then(reached(wait.wanted));
}

}  // namespace stoa
