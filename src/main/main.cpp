#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <climits>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "kernel/base/planted.hpp"
#include "main/audit_client.hpp"
#include "main/client.hpp"
#include "main/configuration.hpp"
#include "main/data_folder.hpp"
#include "main/demo.hpp"
#include "main/event_tail.hpp"
#include "main/export_client.hpp"
#include "main/fleet_commands.hpp"
#include "main/gateway_process.hpp"
#include "main/operator_commands.hpp"
#include "main/replay.hpp"
#include "main/service_modules.hpp"
#include "main/service_process.hpp"
#include "main/shop.hpp"
#include "main/stack_commands.hpp"
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
  bool demo = false;
};

/// Beside the program's folder, where `./dev build` puts it.
std::string swagger_folder() {
  std::error_code code;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", code);
  return (program.parent_path().parent_path() / "web" / "swagger-ui-dist").string();
}

/// Blocks SIGTERM and SIGINT in every thread that follows: the main thread waits for them.
class Stops {
 public:
  Stops() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  void wait() const {
    int signal = 0;
    sigwait(&signals_, &signal);
  }

 private:
  sigset_t signals_{};
};

std::int64_t milliseconds_since(std::chrono::steady_clock::time_point begun) {
  const auto took = std::chrono::steady_clock::now() - begun;
  return std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
}

int up(const UpOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  const Stops stops;
  const auto configuration = load_configuration(options.settings, process_environment());
  if (!configuration) return say(configuration.error());
  auto folder = DataFolder::open(options.data);
  if (!folder) return say(folder.error());
  const auto crypto = openssl::make_crypto();
  const auto keys = api_keys(options.data, *configuration, *crypto);
  if (!keys) return say(keys.error());
  const auto shop = make_shop({*folder, *configuration, *keys, options.port, swagger_folder()});
  const auto took = milliseconds_since(begun);
  if (keys->made)
    std::cout << "The keys of this shop are in " << options.data << "/keys" << std::endl;
  std::cout << "Stoa listens on http://" << configuration->text("Http:Address") << ":"
            << shop->port() << " (ready in " << took << " ms)" << std::endl;
  if (options.demo) {
    const auto filled =
        fill_demo_shop(configuration->text("Http:Address"), shop->port(), keys->secret);
    if (!filled) {
      shop->stop();
      return say(filled.error());
    }
    std::cout << "The demonstration shop is filled." << std::endl;
  }
  stops.wait();
  shop->stop();
  return exit_done;
}

struct ServeOptions {
  std::string service;
  std::string data = "./data";
  std::string settings = "appsettings.json";
  int port = -1;
};

int serve(const ServeOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  const Stops stops;
  const auto configuration = load_configuration(options.settings, process_environment());
  if (!configuration) return say(configuration.error());
  auto folder = DataFolder::open(options.data);
  if (!folder) return say(folder.error());
  const auto keys = existing_api_keys(options.data, *configuration);
  if (!keys) return say(keys.error());
  const auto port = options.port < 0 ? default_port_of(options.service)
                                     : static_cast<std::uint16_t>(options.port);
  const ServiceProcessOptions process_options{options.service, *configuration, *keys,
                                              *folder,         port,           swagger_folder()};
  const auto process = options.service == gateway_name ? make_gateway_process(process_options)
                                                       : make_service_process(process_options);
  std::cout << "Stoa's " << options.service << " listens on http://"
            << configuration->text("Http:Address") << ":" << process->port() << " (ready in "
            << milliseconds_since(begun) << " ms)" << std::endl;
  stops.wait();
  process->stop();
  return exit_done;
}

CLI::App* add_serve_command(CLI::App& app, ServeOptions& options) {
  auto* command = app.add_subcommand("serve", "Run one service of a fleet, or its gateway");
  std::vector<std::string> names(service_names.begin(), service_names.end());
  names.emplace_back(gateway_name);
  command->add_option("SERVICE", options.service, "Its name")
      ->required()
      ->check(CLI::IsMember(std::move(names)));
  command->add_option("--data", options.data, "Folder for what the process keeps for itself")
      ->capture_default_str();
  command->add_option("--port", options.port, "0: a free one; default: the service's own")
      ->check(CLI::Range(0, 65'535));
  command->add_option("--settings", options.settings, "Configuration file")->capture_default_str();
  command->footer(
      "A service needs a PostgreSQL database (ConnectionStrings), Kafka (Kafka:BootstrapServers), "
      "the\n"
      "keys of the API (Auth:SecretKey, Auth:PublishableKey) and a secret that all services of "
      "the\n"
      "fleet share (Auth:ShopSecret). The gateway needs the keys and where the services are\n"
      "(Services:Catalog and so on, or Services:File).\n"
      "Example:\n  stoa serve ordering --data /var/lib/stoa/ordering");
  return command;
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

/// The options that every command to a running shop takes.
void add_shop_options(CLI::App& command, ShopClientOptions& shop, std::string& data) {
  command.add_option("--url", shop.url, "Address of the shop")->capture_default_str();
  command.add_option("--key", shop.key,
                     "Secret key; default: STOA__Auth__SecretKey, else the file of --data");
  command.add_option("--data", data, "Folder of the shop")->capture_default_str();
  command.add_flag("--json", shop.json, "Print one JSON object on standard output");
}

CLI::App* add_tail_command(CLI::App& events, TailSelection& tail) {
  auto* command = events.add_subcommand("tail", "Follow integration events as they happen");
  command->add_option("--after", tail.after,
                      "Cursor, as printed by an earlier run; 0: from the beginning; default: from "
                      "now on");
  command->add_option("--types", tail.types, "Only these, separated by commas");
  command->add_option("--service", tail.service, "Only those of this service");
  command->add_option("--subject", tail.subject, "Only those of this stream");
  command->add_option("--limit", tail.limit, "End after so many; 0: go on")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->footer(
      "One JSON object a line, until SIGINT; then the cursor is on standard error. When the shop\n"
      "restarts, it goes on where it was.\n"
      "Example:\n  stoa events tail --types ordering.OrderConfirmed.v1");
  return command;
}

/// What can be exported, each a command of its own.
std::vector<CLI::App*> add_export_commands(CLI::App& command, ExportSelection& wanted) {
  command.require_subcommand(1);
  auto* products = command.add_subcommand("products", "All products as Shopify's product CSV");
  products->add_option("--currency", wanted.currency, "Currency of the prices; default: GBP");
  products->footer(
      "A file is replaced when the new one is whole.\n"
      "Example:\n  stoa export products --output products.csv");
  auto* orders = command.add_subcommand("orders", "All orders as they are now, one JSON a line");
  auto* events = command.add_subcommand("events", "All integration events, one JSON a line");
  for (auto* lines : {orders, events}) {
    lines->add_option("--after", wanted.after, "Cursor, as told by an earlier run");
    lines->footer(
        "With --output, FILE.cursor keeps where the file ends: run it again and it goes on from\n"
        "there, also after a crash.\nExample:\n  stoa export " +
        lines->get_name() + " --output " + lines->get_name() + ".jsonl");
  }
  for (auto* one : {products, orders, events})
    one->add_option("--output", wanted.output, "File; default: standard output");
  return {products, orders, events};
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
  up_command->add_flag("--demo", up_options.demo, "Fill an empty shop with a demonstration");
  up_command->footer(
      "Examples:\n  stoa up --data /var/lib/stoa --port 5000\n"
      "  stoa up --stack --data /var/lib/stoa-stack");
  StackCommands stack(app, *up_command);
  ServeOptions serve_options;
  auto* serve_command = add_serve_command(app, serve_options);
  auto* migrate_command = app.add_subcommand("migrate", "Bring the data to this version");
  migrate_command->add_option("--data", up_options.data, "Folder of the shop")
      ->capture_default_str();
  auto* config_command =
      app.add_subcommand("config", "Print the effective configuration, secrets masked");
  config_command->add_option("--settings", up_options.settings, "Configuration file")
      ->capture_default_str();
  auto* version_command = app.add_subcommand("version", "Print the version");
  ShopClientOptions shop;
  std::string file;
  std::string currency = "GBP";
  bool dry_run = false;
  int concurrency = 16;
  EventSelection selection;
  auto* import_command = app.add_subcommand("import", "Import into a running shop");
  import_command->require_subcommand(1);
  auto* import_products_command =
      import_command->add_subcommand("products", "Import a product CSV of Shopify's format");
  import_products_command->add_option("FILE", file, "CSV file")->required();
  import_products_command->add_option("--currency", currency, "Currency of the prices")
      ->capture_default_str();
  import_products_command->add_flag("--dry-run", dry_run, "Only say what would change");
  import_products_command->footer("Example:\n  stoa import products products.csv --dry-run");
  ExportSelection wanted;
  auto* export_command = app.add_subcommand("export", "Export from a running shop");
  const auto export_commands = add_export_commands(*export_command, wanted);
  auto* replay_command = app.add_subcommand("replay", "Replay history into a running shop");
  replay_command->require_subcommand(1);
  auto* replay_invoices_command =
      replay_command->add_subcommand("invoices", "Place a wholesaler's invoices as orders");
  replay_invoices_command->add_option("FILE", file, "CSV file, plain or gzip")->required();
  replay_invoices_command->add_option("--concurrency", concurrency, "Requests at a time")
      ->capture_default_str();
  replay_invoices_command->footer(
      "Prints the reckoning from the shop's own API as JSON.\n"
      "Example:\n  stoa replay invoices invoices.csv.gz --concurrency 32");
  auto* events_command = app.add_subcommand("events", "Print integration events");
  events_command->add_option("--after", selection.after, "Cursor, as printed by an earlier run");
  events_command->add_option("--types", selection.types, "Only these, separated by commas");
  events_command->add_option("--limit", selection.limit, "At most so many")->capture_default_str();
  std::string projection;
  auto* rebuild_command =
      app.add_subcommand("rebuild", "Build a projection anew beside the live one, then switch");
  rebuild_command
      ->add_option("PROJECTION", projection, "Its name; a wrong one is told which there are")
      ->required();
  rebuild_command->footer(
      "The shop serves meanwhile. It is a job, which goes on after a restart.\n"
      "Example:\n  stoa rebuild search");
  TailSelection tail;
  auto* tail_command = add_tail_command(*events_command, tail);
  auto* audit_command =
      app.add_subcommand("audit", "Prove from the logs that money and stock add up");
  AuditOptions audit_options;
  audit_command->add_flag("--chain", audit_options.chain,
                          "Only the chain of hashes of every log; prints where each ends");
  audit_command
      ->add_option(
          "--head", audit_options.head,
          "File of an earlier `--chain --json`: tells whether what stood then stands still")
      ->check(CLI::ExistingFile)
      ->needs("--chain");
  audit_command->add_flag("--fleet", audit_options.fleet,
                          "Of the databases of a fleet (ConnectionStrings), running or not");
  audit_command->add_option("--settings", audit_options.settings, "Configuration file of the fleet")
      ->capture_default_str();
  events_command->footer(
      "One JSON object a line; with --json one object with data and next_after. Of a running "
      "shop,\n"
      "or of the --data of a stopped one.\n"
      "Example:\n  stoa events --types ordering.OrderConfirmed.v1 --limit 10");
  audit_command->footer(
      "Of a running shop, or of the --data of a stopped one. Exit status 0 when clean, 1 when "
      "not.\nKeep the heads of the chain elsewhere: who rewrites a log and all its hashes is found "
      "by them.\n"
      "Examples:\n  stoa audit --json\n  stoa audit --chain --json > heads.json\n"
      "  stoa audit --chain --head heads.json");
  for (auto* command : {import_products_command, replay_invoices_command, events_command,
                        tail_command, audit_command, rebuild_command})
    add_shop_options(*command, shop, up_options.data);
  OperatorCommands operators(app);
  FleetCommands fleet(app);
  for (auto* command : export_commands) add_shop_options(*command, shop, up_options.data);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? exit_done : exit_wrong_usage;
  }
  if (*up_command && stack.is_wanted())
    return stack.up({.data = up_options.data,
                     .settings = up_options.settings,
                     .port = up_command->count("--port") > 0 ? up_options.port : -1,
                     .manifest = {},
                     .demo = up_options.demo});
  if (*up_command) return up(up_options);
  if (const auto code = stack.run()) return *code;
  if (*serve_command) return serve(serve_options);
  if (*migrate_command) return migrate(up_options.data);
  if (*config_command) return show_configuration(up_options.settings);
  if (const auto code = operators.run()) return *code;
  if (const auto code = fleet.run()) return *code;
  if (*version_command)
    std::cout << "stoa " << STOA_VERSION << (is_planted_build ? " (with planted defects)" : "")
              << std::endl;
  if (*version_command || *up_command) return exit_done;
  const auto is_stopped_shop = [&](const CLI::App* command) {
    return *command && command->count("--data") > 0 && !DataFolder::is_in_use(up_options.data);
  };
  for (const auto* command : export_commands)
    if (*command) wanted.what = command->get_name();
  if (*audit_command && audit_options.fleet) {
    audit_options.data = up_options.data;
    audit_options.shop = shop;
    return run_audit(audit_options);
  }
  if (is_stopped_shop(audit_command)) {
    audit_options.data = up_options.data;
    audit_options.shop = shop;
    return run_audit(audit_options);
  }
  if (!*tail_command && is_stopped_shop(events_command))
    return print_events_of_folder(up_options.data, selection, shop.json);
  if (const auto found = find_key(shop, up_options.data, up_options.settings); !found)
    return say(found.error());
  if (*import_products_command) return import_products(shop, file, currency, dry_run);
  if (*export_command)
    return wanted.what == "products" ? export_products(shop, wanted) : export_lines(shop, wanted);
  if (*replay_invoices_command) return replay_invoices({file, shop.url, shop.key, concurrency});
  if (*tail_command) return tail_events(shop, tail);
  if (*rebuild_command) return rebuild_projection(shop, projection);
  if (*events_command) return print_events(shop, selection);
  audit_options.shop = shop;
  return run_audit(audit_options);
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
