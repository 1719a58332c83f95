#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "kernel/messaging/runners.hpp"

namespace stoa::messaging {

/// A thread that repeats one step, with pauses. The class that has the step starts it when it is
/// made, and stops it when it goes.
class Loop : public Runner {
 public:
  void wake() override;

 protected:
  struct Pause {
    Duration at_least{};  ///< so that what comes meanwhile shares the next step
    Duration at_most{};   ///< while nobody wakes it
  };

  void start();
  void stop();
  virtual Pause step() = 0;  ///< does not throw
  virtual void end() {}      ///< on the thread, at last

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stoa::messaging
