#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "services/notification/application/outlet.hpp"
#include "simulation/world.hpp"

namespace stoa::simulation {

/// The relay for mail and the provider of SMS, outside of the shop.
class Post {
 public:
  explicit Post(World& world) : world_(world) {}

  [[nodiscard]] notification::MakeCarrier mail_carrier();
  [[nodiscard]] notification::MakeCarrier sms_carrier();

  /// How often a message was taken, by its key, and how often the shop may have missed that.
  struct Taken {
    int times = 0;
    int unanswered = 0;
  };
  [[nodiscard]] const std::map<std::string, Taken>& taken() const { return taken_; }
  /// Keys whose message was refused for ever.
  [[nodiscard]] const std::set<std::string>& refused() const { return refused_; }

  enum class Said { accepted, refused, deferred, nothing };
  Said hand_over(const std::string& key);

 private:
  World& world_;
  std::map<std::string, Taken> taken_;
  std::set<std::string> refused_;
};

}  // namespace stoa::simulation
