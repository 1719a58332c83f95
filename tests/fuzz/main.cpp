/// One program for all targets: STOA_FUZZ_TARGET in the environment names the one to run.
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "fuzz/targets.hpp"

namespace {

using Target = void (*)(std::string_view);
constexpr std::array<std::pair<std::string_view, Target>, 15> targets{{
    {"http_request", stoa::fuzz::http_request},
    {"multipart", stoa::fuzz::multipart},
    {"negotiation", stoa::fuzz::negotiation},
    {"query", stoa::fuzz::query},
    {"cursors", stoa::fuzz::cursors},
    {"sse", stoa::fuzz::sse},
    {"json_body", stoa::fuzz::json_body},
    {"merge_patch", stoa::fuzz::merge_patch},
    {"stored_events", stoa::fuzz::stored_events},
    {"csv", stoa::fuzz::csv},
    {"html", stoa::fuzz::html},
    {"webhook", stoa::fuzz::webhook},
    {"configuration", stoa::fuzz::configuration},
    {"templates", stoa::fuzz::templates},
    {"text", stoa::fuzz::text},
}};

Target chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* wanted = std::getenv("STOA_FUZZ_TARGET");
  const std::string_view name = wanted == nullptr ? "" : wanted;
  for (const auto& [known, target] : targets)
    if (known == name) chosen = target;
  if (chosen != nullptr) return 0;
  if (name == "list")
    for (const auto& [known, target] : targets) std::printf("%s\n", known.data());
  else
    std::fprintf(stderr, "STOA_FUZZ_TARGET names no target; list prints them\n");
  std::exit(name == "list" ? 0 : 1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen({reinterpret_cast<const char*>(data), size});
  return 0;
}
