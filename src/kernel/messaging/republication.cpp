#include "kernel/messaging/republication.hpp"

#include <stdexcept>
#include <utility>

namespace stoa::messaging {

Republication::Republication(Outlet outlet, Publisher& publisher, std::int64_t epoch, Range range,
                             std::function<Lane(const Lane&)> carrier)
    : outlet_(std::move(outlet)),
      publisher_(publisher),
      epoch_(epoch),
      range_(range),
      carrier_(std::move(carrier)),
      nowhere_(publisher),
      before_(outlet_, nowhere_, {}, epoch, RelaySection{.last = range.from - 1}) {}

bool Republication::step(EventLog& log) {
  if (!relay_) {
    if (before_.step(log)) return true;
    relay_.emplace(outlet_, publisher_, before_.confirmed(), epoch_,
                   RelaySection{range_.to, carrier_});
  }
  const bool more = relay_->step(log);
  if (relay_->failures() > 0)
    throw std::runtime_error("The brokers did not confirm what stands behind position " +
                             std::to_string(relay_->confirmed().position) +
                             ": begin again, nobody is harmed by what comes twice.");
  return more;
}

std::int64_t Republication::position() const {
  return relay_ ? relay_->confirmed().position : before_.confirmed().position;
}

}  // namespace stoa::messaging
