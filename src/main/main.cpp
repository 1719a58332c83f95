#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <climits>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "main/configuration.hpp"
#include "main/data_folder.hpp"
#include "main/shop.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {
namespace {

// Exit codes, as `stoa --help` tells them.
constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_wrong_usage = 2;

int say(const Error& error) {
  std::cerr << "stoa: " << error.detail << "\n";
  return exit_failed;
}

struct UpOptions {
  std::string data = "./data";
  std::string settings = "appsettings.json";
  std::uint16_t port = 5000;
};

/// Beside the program's folder, where `./dev build` puts it.
std::string swagger_folder() {
  std::error_code code;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", code);
  return (program.parent_path().parent_path() / "web" / "swagger-ui-dist").string();
}

int up(const UpOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  // Blocked in every thread that follows: the main thread waits for them below.
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const auto configuration = load_configuration(options.settings, process_environment());
  if (!configuration) return say(configuration.error());
  auto folder = DataFolder::open(options.data);
  if (!folder) return say(folder.error());
  const auto crypto = openssl::make_crypto();
  const auto keys = api_keys(options.data, *configuration, *crypto);
  if (!keys) return say(keys.error());
  const auto shop = make_shop({*folder, *configuration, *keys, options.port, swagger_folder()});
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  if (keys->made)
    std::cout << "The keys of this shop are in " << options.data << "/keys" << std::endl;
  std::cout << "Stoa listens on http://" << configuration->text("Http:Address") << ":"
            << shop->port() << " (ready in " << took.count() << " ms)" << std::endl;
  int signal = 0;
  sigwait(&stops, &signal);
  shop->stop();
  return exit_done;
}

int migrate(const std::string& data) {
  auto folder = DataFolder::open(data);
  if (!folder) return say(folder.error());
  migrate_shop(*folder);
  std::cout << "The data in " << data << " are of this version." << std::endl;
  return exit_done;
}

int show_configuration(const std::string& settings) {
  const auto configuration = load_configuration(settings, process_environment());
  if (!configuration) return say(configuration.error());
  std::cout << configuration->to_masked_json() << std::endl;
  return exit_done;
}

int run(int argc, char** argv) {
  CLI::App app{"Stoa: a commerce back end in one process"};
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.\n"
      "Examples:\n  stoa up --data ./data --port 5000\n  stoa config");
  UpOptions up_options;
  auto* up_command = app.add_subcommand("up", "Run the shop");
  up_command->add_option("--data", up_options.data, "Folder of the shop")->capture_default_str();
  up_command->add_option("--port", up_options.port, "Port of the gateway; 0: a free one")
      ->capture_default_str();
  up_command->add_option("--settings", up_options.settings, "Configuration file")
      ->capture_default_str();
  up_command->footer("Example:\n  stoa up --data /var/lib/stoa --port 5000");
  auto* migrate_command = app.add_subcommand("migrate", "Bring the data to this version");
  migrate_command->add_option("--data", up_options.data, "Folder of the shop")
      ->capture_default_str();
  auto* config_command =
      app.add_subcommand("config", "Print the effective configuration, secrets masked");
  config_command->add_option("--settings", up_options.settings, "Configuration file")
      ->capture_default_str();
  auto* version_command = app.add_subcommand("version", "Print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_done : exit_wrong_usage;
  }
  if (*up_command) return up(up_options);
  if (*migrate_command) return migrate(up_options.data);
  if (*config_command) return show_configuration(up_options.settings);
  if (*version_command) std::cout << "stoa " << STOA_VERSION << std::endl;
  return exit_done;
}

}  // namespace
}  // namespace stoa

int main(int argc, char** argv) {
  try {
    return stoa::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "stoa: " << e.what() << "\n";
    return 1;
  }
}
