#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "kernel/mediator/unit_of_work.hpp"
#include "kernel/messaging/message.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa::messaging {

/// How far a service has taken the messages of each lane, in its table `<prefix>inbox`. A place is
/// set in the transaction of the effect, so that each message has its effect once however often it
/// comes. Writer thread only.
class Inbox final : public Participant {
 public:
  struct Place {
    std::int64_t epoch = 0;     ///< 0: nothing was taken yet
    std::int64_t position = 0;  ///< of the last message that was taken
    std::int64_t offset = 0;    ///< in the lane, of the first message that was not
  };
  enum class Verdict {
    next,
    repeat,       ///< was taken before
    gap,          ///< a message between the last and this one has not come
    other_epoch,  ///< the publisher was restored from a backup: an operator has to look
  };

  Inbox(sql::Connection& db, std::string_view prefix);
  static std::string schema(std::string_view prefix);

  [[nodiscard]] Verdict judge(const Message& message);
  /// It has had its effect, or is put aside; `offset` is its own. When another lane carried it,
  /// the offset of its own lane stays.
  void take(const Message& message, std::int64_t offset);
  /// Nothing is to be taken of what stands at `offset`.
  void skip(const Lane& lane, std::int64_t offset);
  [[nodiscard]] Place place(const Lane& lane);

  void flush(UnitOfWork& unit) override;
  void rolled_back() noexcept override;

 private:
  void put(const Lane& lane, const Place& place);

  sql::Connection& db_;
  std::string find_all_, set_;
  std::map<Lane, Place> places_;
  std::map<Lane, Place> changed_;  ///< not written yet
};

}  // namespace stoa::messaging
