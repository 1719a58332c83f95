#include "main/stack_client.hpp"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <thread>

#include "apphost/control.hpp"
#include "main/configuration.hpp"
#include "platform/process/line_socket.hpp"

namespace stoa {
namespace {

using apphost::Answer;
using apphost::Command;
using apphost::Question;

constexpr std::chrono::milliseconds look_again{100};

int say(const std::string& what) {
  std::cerr << "stoa: " << what << "\n";
  return 1;
}

struct Connected {
  std::unique_ptr<process::LineClient> client;
  Answer answer;
};

Result<Connected> ask(const std::string& data, const Question& question) {
  auto client = process::LineClient::connect(data, std::string(apphost::control_name));
  if (!client)
    return fail(
        ErrorKind::unavailable, "no_stack",
        "No stack runs on " + data + ": start one with `stoa up --stack --data " + data + "`.");
  const auto line = client->ask(json::to_json(question));
  if (!line) return fail(line.error());
  auto answer = json::read_stored<Answer>(*line);
  if (!answer) return fail(answer.error());
  if (answer->error) return fail(ErrorKind::conflict, "refused", *answer->error);
  return Connected{std::move(client), std::move(*answer)};
}

/// Prints what a file has, from where the stream is.
void print_rest(std::ifstream& in) {
  std::string piece(65'536, '\0');
  in.clear();
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0)
    std::cout.write(piece.data(), in.gcount());
  std::cout.flush();
}

/// Whether the path is a file that another one has taken the place of.
bool was_rotated(std::ifstream& in, const std::string& path) {
  std::error_code gone;
  const auto size = std::filesystem::file_size(path, gone);
  in.clear();
  return !gone && static_cast<std::streamoff>(size) < std::streamoff(in.tellg());
}

}  // namespace

int print_environment(const std::string& data) {
  const auto asked = ask(data, {Command::env, {}, 0});
  if (!asked) return say(asked.error().detail);
  for (const auto& [name, value] : asked->answer.variables)
    std::cout << name << "=" << value << "\n";
  return 0;
}

std::map<std::string, std::string> environment_of_stack(const std::string& data) {
  auto variables = process_environment();
  if (const auto asked = ask(data, {Command::env, {}, 0}))
    for (const auto& [name, value] : asked->answer.variables) variables[name] = value;
  return variables;
}

int list_processes(const std::string& data, bool json) {
  const auto asked = ask(data, {Command::ps, {}, 0});
  if (!asked) return say(asked.error().detail);
  if (json) {
    std::cout << json::to_json(asked->answer.rows) << std::endl;
    return 0;
  }
  const auto line = [](std::string_view name, std::string_view kind, std::string_view pid,
                       std::string_view state, std::string_view url) {
    std::cout << std::left << std::setw(18) << name << std::setw(12) << kind << std::setw(9) << pid
              << std::setw(12) << state << url << "\n";
  };
  line("NAME", "KIND", "PID", "STATE", "URL");
  for (const auto& row : asked->answer.rows)
    line(row.name, row.kind, row.pid ? std::to_string(*row.pid) : "-", json::name_of(row.state),
         row.url.value_or("-"));
  std::cout << std::flush;
  return 0;
}

int print_logs(const std::string& data, const std::string& resource, bool follow) {
  const auto asked = ask(data, {Command::logs, resource, 0});
  if (!asked) return say(asked.error().detail);
  const auto& path = asked->answer.file;
  std::ifstream in(path, std::ios::binary);
  print_rest(in);
  while (follow && std::cout) {
    const bool is_running = asked->client->is_open(look_again);
    if (!in.is_open()) in.open(path, std::ios::binary);  // it has said nothing before
    print_rest(in);
    if (was_rotated(in, path)) {
      print_rest(in);
      in.close();
      in.open(path, std::ios::binary);
      print_rest(in);
    }
    if (!is_running) break;
  }
  return 0;
}

int restart_resource(const std::string& data, const std::string& resource) {
  const auto asked = ask(data, {Command::restart, resource, 0});
  if (!asked) return say(asked.error().detail);
  std::cout << resource << " was restarted." << std::endl;
  return 0;
}

int scale_service(const std::string& data, const std::string& wanted) {
  const auto equals = wanted.find('=');
  std::int64_t replicas = 0;
  const auto count = equals == std::string::npos ? std::string{} : wanted.substr(equals + 1);
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), replicas);
  if (count.empty() || error != std::errc{} || end != count.data() + count.size()) {
    say("Say which service and how many, as in ordering=2.");
    return 2;
  }
  const auto service = wanted.substr(0, equals);
  const auto asked = ask(data, {Command::scale, service, replicas});
  if (!asked) return say(asked.error().detail);
  std::cout << service << " has " << replicas << (replicas == 1 ? " replica." : " replicas.")
            << std::endl;
  return 0;
}

}  // namespace stoa
