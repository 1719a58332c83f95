#include "platform/otlp/otlp.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <stdexcept>

namespace stoa::otlp {
namespace {

std::string module_path() {
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  return (program.parent_path() / "libstoa_otlp.so").string();
}

[[noreturn]] void refuse() {
  const char* why = ::dlerror();
  throw std::runtime_error(std::string("Telemetry cannot be sent over OTLP: ") +
                           (why != nullptr ? why : "libstoa_otlp.so is damaged"));
}

}  // namespace

/// The module stays until the process ends: its threads and statics may outlive an exporter.
std::unique_ptr<telemetry::Exporter> make_otlp_exporter(const OtlpOptions& options) {
  void* module = ::dlopen(module_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) refuse();
  void* symbol = ::dlsym(module, make_exporter_symbol);
  if (symbol == nullptr) refuse();
  auto* make = reinterpret_cast<MakeExporter*>(symbol);
  return std::unique_ptr<telemetry::Exporter>(make(options));
}

}  // namespace stoa::otlp
