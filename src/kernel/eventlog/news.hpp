#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/mediator/unit_of_work.hpp"

namespace stoa {

/// Wakes who waits on other threads for something to grow, once the commit that let it grow can be
/// read. It says that there is news, not what: the listener reads it. Who listens first and reads
/// then misses nothing.
class News final : public Participant {
 public:
  static constexpr std::string_view every_commit{};  ///< a topic that needs no note

  /// Called on the thread that brought the news, after the commit, with no lock held: short, and
  /// never throws. A call that has begun may end after the ticket has gone.
  using Listener = std::function<void()>;
  using Ticket = std::shared_ptr<const void>;

  /// From any thread. Ends with the ticket, which does not outlive this.
  [[nodiscard]] Ticket listen(std::string topic, Listener listener);

  /// Within the transaction that lets `topic` grow. Writer thread only.
  void note(std::string_view topic) { noted_.emplace_back(topic); }

  /// What others have committed, as this process learned: from any thread.
  void announce(std::vector<std::string> topics) noexcept { tell(std::move(topics)); }

  void flush(UnitOfWork&) override {}
  void rolled_back() noexcept override { noted_.clear(); }
  void committed() noexcept override;

 private:
  using Listeners = std::unordered_multimap<std::string, std::shared_ptr<const Listener>>;
  void forget(const std::string& topic, const Listener* listener);
  void tell(std::vector<std::string> topics) noexcept;

  std::vector<std::string> noted_;  // of the writer thread
  std::mutex mutex_;
  Listeners listeners_;
};

}  // namespace stoa
