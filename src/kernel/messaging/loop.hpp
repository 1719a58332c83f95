#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "kernel/messaging/runners.hpp"

namespace stoa::messaging {

/// A thread that repeats one step, and pauses as long as that says. The class that has the step
/// starts it when it is made, and stops it when it goes.
class Loop : public Runner {
 public:
  void wake() override;

 protected:
  void start();
  void stop();
  virtual Duration step() = 0;  ///< zero: again at once; does not throw
  virtual void end() {}         ///< on the thread, at last

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace stoa::messaging
