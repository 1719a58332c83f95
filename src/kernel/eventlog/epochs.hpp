#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa {

/// The lives of one log. It begins in epoch 1; a log that is restored from a backup goes on in a
/// new epoch from where the backup ended, and what the old one held beyond is gone. Whoever follows
/// a log remembers the epoch beside the position, and so never takes new events for ones that it
/// has seen.
class LogEpochs {
 public:
  static constexpr std::int64_t first = 1;

  struct Epoch {
    std::int64_t epoch = first;
    std::int64_t began_after = 0;  ///< the last position of the epochs before
  };

  /// A log that was never restored.
  LogEpochs() = default;
  /// Those after the first, in order.
  explicit LogEpochs(const std::vector<Epoch>& later) {
    epochs_.insert(epochs_.end(), later.begin(), later.end());
  }

  [[nodiscard]] std::int64_t current() const { return epochs_.back().epoch; }

  /// The last position that this log has in common with what was read in `epoch`, at least; 0 when
  /// the epoch is none of this log's.
  [[nodiscard]] std::int64_t common_with(std::int64_t epoch) const {
    const auto at = std::ranges::find(epochs_, epoch, &Epoch::epoch);
    if (at == epochs_.end()) return 0;
    auto last = std::numeric_limits<std::int64_t>::max();
    for (auto later = at + 1; later != epochs_.end(); ++later)
      last = std::min(last, later->began_after);
    return last;
  }
  /// Whether all that was read up to `position` in `epoch` is still what this log says.
  [[nodiscard]] bool holds(std::int64_t position, std::int64_t epoch) const {
    return position <= common_with(epoch);
  }

 private:
  std::vector<Epoch> epochs_{{}};
};

/// How cursors and `Stoa-Position` carry the epochs of several logs: `catalog:12@1764000000000` or
/// `catalog=12@…`. The first epoch is not written, so a shop that was never restored has
/// `catalog:12`.
class ServiceEpochs {
 public:
  enum class Others {
    never_restored,
    not_judged,  ///< they are other processes': their epochs are taken away unseen
  };

  /// Those of the logs that were ever restored, by service, and what is said of `others`.
  explicit ServiceEpochs(std::map<std::string, LogEpochs, std::less<>> logs = {},
                         Others others = Others::never_restored)
      : logs_(std::move(logs)), others_(others) {}

  /// Adds the present epochs to positions without any, separated by commas.
  [[nodiscard]] std::string mark(std::string_view positions) const;

  /// Takes the epochs away; `log_epoch_changed` (conflict) when somebody has read there what this
  /// shop, restored since, no longer says. Its detail tells from where to go on. What is malformed
  /// stays so.
  [[nodiscard]] Result<std::string> unmark(std::string_view positions) const;
  /// How far somebody who has read up to `positions` may go on as if nothing had happened.
  [[nodiscard]] std::string common(std::string_view positions) const;

 private:
  /// Nothing for one that is not judged.
  [[nodiscard]] std::optional<LogEpochs> of(std::string_view service) const;
  std::map<std::string, LogEpochs, std::less<>> logs_;
  Others others_;
};

/// For who has read of the logs `gone` what is not there any more, and may go on after `common`.
[[nodiscard]] Error log_epoch_changed(std::string_view gone, std::string_view common);

}  // namespace stoa
