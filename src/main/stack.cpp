#include "main/stack.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>
#include <system_error>
#include <thread>

#include "apphost/control.hpp"
#include "apphost/log_book.hpp"
#include "apphost/plan.hpp"
#include "apphost/stack.hpp"
#include "kernel/base/files.hpp"
#include "kernel/base/text.hpp"
#include "main/configuration.hpp"
#include "main/data_folder.hpp"
#include "main/demo.hpp"
#include "main/service_modules.hpp"
#include "main/stack_servers.hpp"
#include "main/stack_services.hpp"
#include "main/stack_tools.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/process/keeper.hpp"
#include "platform/process/line_socket.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

/// What a stack keeps for itself, in the 0600 file `stack.json` of its folder.
struct Kept {
  std::string shop_secret;
  std::string postgres_password;
  std::string rabbitmq_password;
  std::string kafka_cluster;

  static constexpr auto fields() {
    return std::tuple{json::field("shop_secret", &Kept::shop_secret),
                      json::field("postgres_password", &Kept::postgres_password),
                      json::field("rabbitmq_password", &Kept::rabbitmq_password),
                      json::field("kafka_cluster", &Kept::kafka_cluster)};
  }
};

Result<Kept> kept_in(const DataFolder& folder, const Crypto& crypto) {
  const auto file = folder.file("stack.json");
  if (const auto text = read_file(file)) return json::read_stored<Kept>(*text);
  const auto random = [&](std::size_t digits) {
    SealingKey bytes{};
    crypto.random_bytes(bytes);
    return to_hex(bytes).substr(0, digits);
  };
  // A cluster's id is 16 bytes in base64; these letters and digits are some of that alphabet.
  Kept kept{random(64), random(40), random(40), random(20) + "AA"};
  replace_file(file, json::to_stored_json(kept) + "\n");
  return kept;
}

/// Blocked in every thread that follows: the main thread looks for them.
class Signals {
 public:
  Signals() {
    sigemptyset(&wanted_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted_, number);
    pthread_sigmask(SIG_BLOCK, &wanted_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  [[nodiscard]] bool came(std::chrono::milliseconds within) const {
    timespec limit{};
    limit.tv_nsec = within.count() * 1'000'000;
    return sigtimedwait(&wanted_, nullptr, &limit) > 0;
  }

 private:
  sigset_t wanted_{};
};

int say(const Error& error) {
  std::cerr << "stoa: " << error.detail << "\n";
  return 1;
}

/// All that is known before anything is started.
struct Prepared {
  Configuration configuration;
  apphost::Manifest manifest;
  std::vector<std::string> order;
};

Result<Prepared> prepare(const StackOptions& options) {
  auto configuration = load_configuration(options.settings, process_environment());
  if (!configuration) return fail(configuration.error());
  const auto text = options.manifest.empty() ? std::optional(apphost::default_manifest())
                                             : read_file(options.manifest);
  if (!text)
    return fail(ErrorKind::not_found, "no_manifest", "Cannot read " + options.manifest + ".");
  auto manifest = apphost::read_manifest(*text, {service_names.begin(), service_names.end()});
  if (!manifest) return fail(manifest.error());
  auto order = apphost::start_order(*manifest);
  if (!order) return fail(order.error());
  if (options.demo && manifest->find(apphost::gateway_name) == nullptr)
    return fail(ErrorKind::invalid, "no_gateway", "The demonstration needs a gateway.");
  return Prepared{std::move(*configuration), std::move(*manifest), std::move(*order)};
}

class AppHost {
 public:
  AppHost(const StackOptions& options, const Prepared& prepared, DataFolder& folder,
          const ApiKeys& keys, const Kept& kept)
      : options_(options),
        prepared_(prepared),
        root_(fs::absolute(folder.path()).lexically_normal().string()),
        credentials_{keys.secret, keys.publishable,
                     prepared.configuration.text("Auth:ShopSecret").empty()
                         ? kept.shop_secret
                         : prepared.configuration.text("Auth:ShopSecret"),
                     kept.postgres_password, kept.rabbitmq_password},
        programs_(process::keep_programs(
            {{own_program(), "keeper"}, folder.descriptor(), [this] { lost_ = true; }})),
        ports_(prepared.manifest, external_servers(prepared.manifest, prepared.configuration),
               options.port, root_ + "/services.json"),
        log_(log_folder(), isatty(STDERR_FILENO) != 0 ? STDERR_FILENO : -1),
        tools_{prepared.manifest,
               prepared.configuration,
               credentials_,
               kept.kafka_cluster,
               root_,
               fs::absolute(options.settings).string(),
               ports_,
               *programs_,
               [this](const std::string& resource, std::string_view line) {
                 log_.add(resource, resource, line);
               }},
        stack_(apphost::make_stack(parts())),
        control_(process::serve_lines(
            root_, std::string(apphost::control_name), [this](std::string_view line) {
              return apphost::answer_line(
                  *stack_,
                  {[this](const std::string& one) { return log_.path(one); },
                   [this] {
                     return apphost::operator_environment(prepared_.manifest, ports_.addresses(),
                                                          credentials_);
                   }},
                  line);
            })) {}

  int run(const Signals& signals) {
    for (const auto& sentence : ports_.replaced()) std::cout << sentence << std::endl;
    std::thread starter([this] { start(); });
    while (!signals.came(std::chrono::milliseconds(100)) && !lost_ && !failed_) {
    }
    stack_->stop();
    control_->stop();
    starter.join();
    programs_.reset();  // ends what is left, and with it all calls of ours
    if (lost_) std::cerr << "stoa: The keeper was ended from outside, and all with it.\n";
    return lost_ || failed_ ? 1 : 0;
  }

 private:
  [[nodiscard]] std::string log_folder() const {
    fs::create_directories(root_ + "/logs");
    return root_ + "/logs";
  }

  apphost::StackParts parts() {
    return {.manifest = prepared_.manifest,
            .order = prepared_.order,
            .replicas = options_.replicas,
            .programs = *programs_,
            .clock = clock_,
            .make_runnable = [this](const auto& one, auto nth) { return runnable(one, nth); },
            .output = [this](const std::string& resource, const std::string& name,
                             std::string_view line) { log_.add(resource, name, line); },
            .publish = [this](const std::string& text) { return publish(text); },
            .became_ready =
                [](const apphost::Row& row) {
                  std::cout << row.name << " is ready"
                            << (row.url ? ": " + *row.url : std::string{}) << std::endl;
                }};
  }

  bool publish(const std::string& services) {
    try {
      replace_file(root_ + "/services.json", services);
      return true;
    } catch (const std::system_error& error) {
      log_.add("apphost", "apphost", error.what());
      return false;
    }
  }

  std::unique_ptr<apphost::Runnable> runnable(const apphost::Resource& resource,
                                              std::int64_t replica) {
    if (ports_.addresses().external.contains(resource.name)) return nullptr;
    switch (resource.kind) {
      case apphost::Kind::postgres:
        return make_postgres(resource, tools_);
      case apphost::Kind::kafka:
        return make_kafka(resource, replica, tools_);
      case apphost::Kind::redis:
        return make_redis(resource, tools_);
      case apphost::Kind::rabbitmq:
        return make_rabbitmq(resource, tools_);
      case apphost::Kind::service:
        return make_service(resource, replica, tools_);
      case apphost::Kind::executable:
        return make_executable(resource, tools_);
    }
    return nullptr;
  }

  /// On a thread of its own, so that a signal is heard meanwhile.
  void start() {
    const auto begun = std::chrono::steady_clock::now();
    const auto started = stack_->start();
    if (!started) {
      if (started.error().code == "not_ready") show_logs();
      if (started.error().code != "stopping") fail_with(started.error());
      return;
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun);
    const auto* const gateway = prepared_.manifest.find(apphost::gateway_name);
    const auto host = gateway_host(prepared_.configuration);
    const auto port = gateway == nullptr ? std::uint16_t{0} : ports_.addresses().port(*gateway);
    if (gateway == nullptr) {
      std::cout << "The stack is ready (in " << took.count() << " ms)" << std::endl;
    } else {
      std::cout << "Stoa listens on http://" << host << ":" << port << " (ready in " << took.count()
                << " ms)" << std::endl;
    }
    if (!options_.demo) return;
    const auto filled = fill_demo_shop(host, port, credentials_.secret_key);
    if (!filled) return fail_with(filled.error());
    std::cout << "The demonstration shop is filled." << std::endl;
  }

  void fail_with(const Error& error) {
    say(error);
    failed_ = true;
  }

  /// The last lines of what is not ready.
  void show_logs() const {
    for (const auto& row : stack_->rows()) {
      if (row.state != apphost::State::restarting) continue;
      const auto path = log_.path(row.resource);
      std::cerr << "stoa: the end of " << path << ":\n";
      for (const auto& line : apphost::last_lines(path, 10)) std::cerr << "  " << line << "\n";
    }
  }

  const StackOptions& options_;
  const Prepared& prepared_;
  SystemClock clock_;
  std::string root_;
  apphost::Credentials credentials_;
  std::atomic<bool> lost_{false};
  std::atomic<bool> failed_{false};
  std::unique_ptr<Programs> programs_;
  StackPorts ports_;
  apphost::LogBook log_;
  StackTools tools_;
  std::unique_ptr<apphost::Stack> stack_;
  std::unique_ptr<process::LineServer> control_;
};

}  // namespace

int run_stack(const StackOptions& options) {
  const Signals signals;
  const auto prepared = prepare(options);
  if (!prepared) return say(prepared.error());
  auto folder = DataFolder::open(options.data);
  if (!folder) return say(folder.error());
  if (fs::exists(folder->file("shop.db")))
    return say({ErrorKind::conflict, "embedded_shop",
                "In " + options.data +
                    " is a shop of one process: give the stack another folder "
                    "with --data."});
  const auto crypto = openssl::make_crypto();
  const auto keys = api_keys(options.data, prepared->configuration, *crypto);
  if (!keys) return say(keys.error());
  const auto kept = kept_in(*folder, *crypto);
  if (!kept) return say(kept.error());
  if (keys->made)
    std::cout << "The keys of this shop are in " << options.data << "/keys" << std::endl;
  return AppHost(options, *prepared, *folder, *keys, *kept).run(signals);
}

}  // namespace stoa
