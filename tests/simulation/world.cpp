#include "simulation/world.hpp"

#include <cstdio>

namespace stoa::simulation {

void World::trace(std::string_view what) {
  for (const char c : what) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  if (is_verbose)
    std::printf("%s %.*s\n", to_rfc3339(now()).c_str(), static_cast<int>(what.size()), what.data());
}

Faults draw_faults(Random random) {
  Faults faults;
  faults.fleet_schedule = random.chance(50);
  if (random.chance(10)) return faults;  // a good day
  const auto some = [&random](int most) {
    return random.chance(50) ? static_cast<int>(random.between(1, most)) : 0;
  };
  faults.request_lost = some(20);
  faults.request_doubled = some(30);
  faults.reply_lost = some(30);
  faults.provider_lost = some(20);
  faults.provider_silent = some(30);
  faults.provider_late = some(50);
  faults.provider_twice = some(30);
  faults.provider_vague = some(20);
  faults.provider_refuses = random.chance(20) ? static_cast<int>(random.between(1, 100)) : 0;
  if (random.chance(8)) faults.provider_refuses = 95;
  faults.webhook = some(70);
  faults.mail_fails = some(50);
  faults.mail_answer_lost = some(30);
  if (random.chance(25)) faults.sms_from_life = static_cast<int>(random.between(2, 3));
  faults.reader_busy = some(10);
  faults.event_doubled = some(30);
  faults.disk_fails = random.chance(20) ? static_cast<int>(random.between(1, 100)) : 0;
  faults.crashes = random.chance(60) ? static_cast<int>(random.between(1, 4)) : 0;
  faults.power_losses = random.chance(50) ? 100 : 0;
  faults.clock_jumps = random.chance(25) ? static_cast<int>(random.between(1, 3)) : 0;
  if (random.chance(10)) faults.outside_max = static_cast<int>(random.between(1, 3));
  return faults;
}

}  // namespace stoa::simulation
