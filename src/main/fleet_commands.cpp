#include "main/fleet_commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <iostream>

#include "kernel/json/codec.hpp"
#include "main/event_feed.hpp"
#include "main/parked_messages.hpp"
#include "main/service_modules.hpp"
#include "main/service_process.hpp"
#include "main/stack_client.hpp"
#include "main/task_queues.hpp"
#include "platform/rabbitmq/dead_letters.hpp"

namespace stoa {
namespace {

int say(const std::string& what) {
  std::cerr << "stoa: " << what << "\n";
  return 1;
}

void print(const json::Value& value) { std::cout << boost::json::serialize(value) << std::endl; }

int print_queues(const rabbitmq::Settings& settings, bool as_json) {
  json::Array all;
  for (const auto& plan : task_queues()) {
    const auto found = rabbitmq::figures(settings, plan);
    if (!as_json)
      std::cout << plan.name << ": " << found.ready << " ready, " << found.waiting
                << " waiting for another try, " << found.dead << " dead, " << found.consumers
                << " consumers" << std::endl;
    all.push_back(json::Object{{"name", plan.name},
                               {"ready", found.ready},
                               {"waiting", found.waiting},
                               {"dead", found.dead},
                               {"consumers", found.consumers}});
  }
  if (as_json) print(all);
  return 0;
}

int print_dead(const rabbitmq::Settings& settings, const messaging::QueuePlan& plan,
               std::size_t most, bool as_json) {
  json::Array all;
  for (const auto& [task, tries] : rabbitmq::dead_letters(settings, plan, most)) {
    if (!as_json)
      std::cout << task.id << "  " << task.type << "  " << to_rfc3339(task.created_at) << "  "
                << tries << " tries  " << task.data << std::endl;
    all.push_back(json::Object{{"id", task.id},
                               {"type", task.type},
                               {"created_at", to_rfc3339(task.created_at)},
                               {"tries", tries},
                               {"traceparent", task.traceparent},
                               {"data", task.data}});
  }
  if (as_json) print(all);
  return 0;
}

json::Object to_object(const ParkedMessage& one) {
  return {{"id", one.id()},
          {"event_id", one.message.id},
          {"type", one.message.type},
          {"position", one.message.position},
          {"reason", one.reason},
          {"parked_at", to_rfc3339(one.parked_at)},
          {"replay_asked", one.is_replay_asked}};
}

/// Runs `look` in a transaction of a service's database, which is committed when it is a writer's.
template <class Look>
void in_database(const postgres::Options& options, postgres::Database::Mode mode, Look&& look) {
  const auto database = postgres::open(options, mode);
  const auto db = database->handle("host_");
  database->begin();
  look(*db);
  if (mode == postgres::Database::Mode::writer)
    database->commit();
  else
    database->rollback();
}

constexpr int listed_max = 1'000;

}  // namespace

FleetCommands::FleetCommands(CLI::App& app) {
  add_queues(app);
  add_parked(app);
  add_republish(app);
}

void FleetCommands::add_queues(CLI::App& app) {
  queues_ = app.add_subcommand("queues", "Look at the queues of tasks, and replay dead letters");
  queues_->require_subcommand(0, 1);
  queues_->add_option("--settings", settings_, "Configuration file")->capture_default_str();
  queues_->add_option("--data", data_, "Folder of a running stack, which knows the rest")
      ->capture_default_str();
  queues_->add_flag("--json", json_, "Print JSON on standard output");
  dead_ = queues_->add_subcommand("dead", "Print dead letters of a queue; they stay there");
  dead_->add_option("QUEUE", queue_, "As in notification.email")->required();
  dead_->add_option("--limit", limit_, "At most so many")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  dead_->add_flag("--json", json_, "Print JSON on standard output");
  replay_ = queues_->add_subcommand("replay", "Put dead letters back into their queue");
  replay_->add_option("QUEUE", queue_, "As in notification.email")->required();
  replay_->add_option("--id", id_, "Only the one with this id; default: all");
  queues_->footer(
      "Asks RabbitMQ by the settings of the configuration (RabbitMQ).\n"
      "Examples:\n  stoa queues --json\n  stoa queues dead notification.email --limit 5\n"
      "  stoa queues replay notification.email");
}

void FleetCommands::add_parked(CLI::App& app) {
  parked_ = app.add_subcommand("parked", "Look at messages that a service put aside, and replay");
  parked_->require_subcommand(1);
  list_ = parked_->add_subcommand("list", "Print what is parked, the oldest first");
  show_ = parked_->add_subcommand("show", "Print one, with its data");
  replay_parked_ = parked_->add_subcommand("replay", "Have the running service take it again");
  const std::vector<std::string> names(service_names.begin(), service_names.end());
  for (auto* command : {list_, show_, replay_parked_}) {
    command->add_option("SERVICE", service_, "Its name")->required()->check(CLI::IsMember(names));
    command->add_option("--settings", settings_, "Configuration file")->capture_default_str();
    command->add_option("--data", data_, "Folder of a running stack, which knows the rest")
        ->capture_default_str();
  }
  list_->add_flag("--json", json_, "Print JSON on standard output");
  show_->add_option("ID", id_, "As the list prints it")->required();
  replay_parked_->add_option("ID", id_, "As the list prints it");
  replay_parked_->add_flag("--all", all_, "All that are parked");
  parked_->footer(
      "Reads the service's database (ConnectionStrings). What is replayed is taken within a "
      "second\n"
      "by a running process of the service, and is parked again when it fails.\n"
      "Examples:\n  stoa parked list ordering\n"
      "  stoa parked replay ordering stoa.payment.payments/3/1042");
}

void FleetCommands::add_republish(CLI::App& app) {
  republish_ = app.add_subcommand("republish", "Publish a range of a service's log again");
  republish_->add_option("SERVICE", again_.log, "Whose log")
      ->required()
      ->check(CLI::IsMember(log_names()));
  republish_->add_option("--from", again_.from, "Position of the first event")->required();
  republish_->add_option("--to", again_.to,
                         "Position of the last; default: all that was published");
  const std::vector<std::string> names(service_names.begin(), service_names.end());
  auto* const group =
      republish_->add_option("--group", again_.group, "For this service alone, which takes it")
          ->check(CLI::IsMember(names));
  republish_->add_option("--topic", again_.topic, "For others, in a topic that is made if need be")
      ->excludes(group);
  republish_->add_option("--settings", settings_, "Configuration file")->capture_default_str();
  republish_->add_option("--data", data_, "Folder of a running stack, which knows the rest")
      ->capture_default_str();
  republish_->footer(
      "For what Kafka has lost: its retention deleted it before it was taken, or the topic was\n"
      "deleted. The messages are as they were, so that what a service has taken it knows for a\n"
      "repeat. Its log names what it lacks. Reads the database of SERVICE (ConnectionStrings).\n"
      "Examples:\n  stoa republish ordering --from 801 --group catalog\n"
      "  stoa republish payment --from 1 --to 5000 --topic books.payments");
}

std::optional<int> FleetCommands::run() {
  if (!*queues_ && !*parked_ && !*republish_) return std::nullopt;
  try {
    if (*republish_) return run_republish();
    return *queues_ ? run_queues() : run_parked();
  } catch (const std::exception& e) {
    return say(e.what());
  }
}

int FleetCommands::run_queues() {
  const auto configuration = load_configuration(settings_, environment_of_stack(data_));
  if (!configuration) return say(configuration.error().detail);
  const auto settings = rabbitmq_settings(*configuration);
  if (!settings) return say("The setting RabbitMQ:HostName is missing.");
  if (!*dead_ && !*replay_) return print_queues(*settings, json_);
  const auto plans = task_queues();
  const auto plan = std::ranges::find(plans, queue_, &messaging::QueuePlan::name);
  if (plan == plans.end()) return say("There is no queue " + queue_ + ": see `stoa queues`.");
  if (plan->kind == messaging::QueuePlan::Kind::requests)
    return say("A queue of requests has no dead letters: who asked is told that no answer came.");
  if (*dead_) return print_dead(*settings, *plan, static_cast<std::size_t>(limit_), json_);
  const auto count =
      rabbitmq::replay(*settings, *plan, id_.empty() ? std::nullopt : std::optional(id_));
  std::cout << count << " put back into " << queue_ << "." << std::endl;
  return count > 0 || id_.empty() ? 0 : say("No dead letter has the id " + id_ + ".");
}

int FleetCommands::run_republish() {
  if (again_.group.empty() && again_.topic.empty())
    return say("Name who it is for: --group SERVICE, or --topic NAME.");
  const auto configuration = load_configuration(settings_, environment_of_stack(data_));
  if (!configuration) return say(configuration.error().detail);
  const auto done = republish(*configuration, again_);
  if (!done) return say(done.error().detail);
  std::cout << "Published " << done->messages << " messages again, of positions " << again_.from
            << " to " << done->to << ", in " << done->topic << "." << std::endl;
  return 0;
}

int FleetCommands::run_parked() {
  using Mode = postgres::Database::Mode;
  const auto configuration = load_configuration(settings_, environment_of_stack(data_));
  if (!configuration) return say(configuration.error().detail);
  const auto database = database_of(service_, *configuration);
  std::vector<ParkedMessage> found;
  if (*replay_parked_) {
    if (id_.empty() == !all_) return say("Name one message, or say --all.");
    const SystemClock clock;
    std::int64_t count = 0;
    in_database(database, Mode::writer, [&](sql::Connection& db) {
      if (!all_) count = ask_for_replay(db, id_, clock.now()) ? 1 : 0;
      for (const auto& one : all_ ? parked_messages(db, listed_max) : found)
        count += ask_for_replay(db, one.id(), clock.now()) ? 1 : 0;
    });
    if (count == 0 && !all_) return say("No parked message has the id " + id_ + ".");
    std::cout << "Asked for " << count << "." << std::endl;
    return 0;
  }
  in_database(database, Mode::reader, [&](sql::Connection& db) {
    if (*list_) found = parked_messages(db, listed_max);
    if (*show_)
      if (auto one = find_parked(db, id_)) found.push_back(std::move(*one));
  });
  if (*show_) {
    if (found.empty()) return say("No parked message has the id " + id_ + ".");
    auto object = to_object(found.front());
    object["data"] = found.front().message.data;
    print(object);
    return 0;
  }
  json::Array all;
  for (const auto& one : found) all.push_back(to_object(one));
  if (json_) {
    print(all);
    return 0;
  }
  for (const auto& one : found)
    std::cout << one.id() << "  " << one.message.type << "  " << to_rfc3339(one.parked_at) << "  "
              << one.reason << (one.is_replay_asked ? "  (replay asked)" : "") << std::endl;
  return 0;
}

}  // namespace stoa
