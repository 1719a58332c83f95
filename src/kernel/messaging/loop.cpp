#include "kernel/messaging/loop.hpp"

namespace stoa::messaging {

void Loop::wake() {
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
  }
  wake_.notify_one();
}

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Loop::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    is_woken_ = false;
    lock.unlock();
    const auto pause = step();
    lock.lock();
    if (pause.at_least > Duration::zero())
      wake_.wait_for(lock, pause.at_least, [this] { return stopping_; });
    if (pause.at_most > pause.at_least)
      wake_.wait_for(lock, pause.at_most - pause.at_least,
                     [this] { return stopping_ || is_woken_; });
  }
  lock.unlock();
  end();
}

}  // namespace stoa::messaging
