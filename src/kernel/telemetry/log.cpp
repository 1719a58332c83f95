#include "kernel/telemetry/log.hpp"

#include <cstdio>

#include "kernel/json/codec.hpp"

namespace stoa::telemetry {

void Log::write(Level level, std::string_view message, std::initializer_list<Member> members) {
  if (level < least_) return;
  constexpr std::string_view names[] = {"debug", "information", "warning", "error"};
  json::Writer line;
  line.out = R"({"time":)";
  line.text(to_rfc3339(clock_.now()));
  line.out += R"(,"level":)";
  line.text(names[static_cast<std::size_t>(level)]);
  line.out += R"(,"message":)";
  line.text(message);
  for (const auto& [name, value] : members) {
    if (value.empty()) continue;
    line.out += ',';
    line.text(name);
    line.out += ':';
    line.text(value);
  }
  line.out += "}\n";
  const std::lock_guard lock(mutex_);
  std::fwrite(line.out.data(), 1, line.out.size(), stderr);
}

}  // namespace stoa::telemetry
