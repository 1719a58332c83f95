#include "kernel/telemetry/log.hpp"

#include <cstdio>

#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa::telemetry {
namespace {

constexpr std::size_t value_bytes_max = 4096;

LogRecord record_of(Timestamp time, Level level, std::string_view message,
                    std::initializer_list<Log::Member> members) {
  LogRecord record{time, level, std::string(utf8_prefix(message, value_bytes_max)), {}, {}};
  for (const auto& [name, value] : members) {
    if (value.empty()) continue;
    if (name == "trace_id")
      record.trace = trace_of(value);
    else
      record.members.emplace_back(name, utf8_prefix(value, value_bytes_max));
  }
  return record;
}

}  // namespace

void Log::write(Level level, std::string_view message, std::initializer_list<Member> members) {
  if (!takes(level)) return;
  constexpr std::string_view names[] = {"debug", "information", "warning", "error"};
  json::Writer line;
  line.out = R"({"time":)";
  const auto time = clock_.now();
  line.text(to_rfc3339(time));
  line.out += R"(,"level":)";
  line.text(names[static_cast<std::size_t>(level)]);
  line.out += R"(,"message":)";
  line.text(utf8_prefix(message, value_bytes_max));
  for (const auto& [name, value] : members) {
    if (value.empty()) continue;
    line.out += ',';
    line.text(name);
    line.out += ':';
    line.text(utf8_prefix(value, value_bytes_max));
  }
  line.out += "}\n";
  {
    const std::lock_guard lock(mutex_);
    std::fwrite(line.out.data(), 1, line.out.size(), stderr);
  }
  if (sink_ != nullptr) sink_->take(record_of(time, level, message, members));
}

}  // namespace stoa::telemetry
