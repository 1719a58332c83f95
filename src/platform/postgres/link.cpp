#include "platform/postgres/link.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace stoa::postgres {
namespace {

/// So many statements of a connection stay prepared; filters are composed of few parts.
constexpr std::size_t prepared_max = 512;
constexpr std::int64_t connect_seconds_min = 2;  ///< libpq takes less for this
constexpr std::int64_t connect_seconds_max = 5;

struct ServerError {
  std::string state;  ///< SQLSTATE
  std::string text;
};

ServerError error_of(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return {state == nullptr ? "" : state,
          std::string("PostgreSQL: ") + (text == nullptr ? PQresultErrorMessage(result) : text)};
}

[[noreturn]] void throw_error(const ServerError& error) {
  constexpr std::string_view unique_violation = "23505";
  if (error.state == unique_violation) throw sql::UniqueViolation(error.text);
  throw sql::Failure(error.text);
}

}  // namespace

Link::Link(const Options& options) : answer_timeout_(options.answer_timeout) {
  // What the conninfo says comes later, and goes before.
  constexpr std::array names{"connect_timeout", "application_name", "dbname",
                             static_cast<const char*>(nullptr)};
  const auto seconds = std::to_string(std::clamp<std::int64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(options.answer_timeout).count(),
      connect_seconds_min, connect_seconds_max));
  const std::array values{seconds.c_str(), "stoa", options.conninfo.c_str(),
                          static_cast<const char*>(nullptr)};
  connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
  if (PQstatus(connection_.get()) != CONNECTION_OK) lose(PQerrorMessage(connection_.get()));
  PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
  must(PQsetnonblocking(connection_.get(), 1) == 0 && PQenterPipelineMode(connection_.get()) == 1);
}

void Link::lose(const std::string& what) {
  lost_ = true;
  auto text = what;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  throw ConnectionLost("PostgreSQL: " + text);
}

bool Link::is_alive() {
  // A server that ends says so before it closes: its end stands behind its words.
  while (!lost_ && is_ready(POLLIN, std::chrono::milliseconds(0)))
    lost_ = PQconsumeInput(connection_.get()) != 1 || PQstatus(connection_.get()) != CONNECTION_OK;
  return !lost_;
}

void Link::send(const std::string& statement, const std::vector<Value>& values) {
  std::vector<const char*> data(values.size());
  std::vector<int> lengths(values.size());
  const std::vector<int> formats(values.size(), 1);
  for (std::size_t at = 0; at < values.size(); ++at) {
    const auto& value = values[at];
    data[at] = value.bytes ? value.bytes->data() : nullptr;
    lengths[at] = value.bytes ? static_cast<int>(value.bytes->size()) : 0;
  }
  const char* const name = name_of(statement, values);
  must(PQsendQueryPrepared(connection_.get(), name, static_cast<int>(values.size()), data.data(),
                           lengths.data(), formats.data(), 0) == 1);
  pending_.emplace_back();
  ++statements_;
}

const char* Link::name_of(const std::string& statement, const std::vector<Value>& values) {
  if (const auto known = names_.find(statement); known != names_.end())
    return known->second.c_str();
  if (names_.size() >= prepared_max) forget_prepared();
  auto name = "s" + std::to_string(++next_name_);
  std::vector<Oid> types;
  types.reserve(values.size());
  for (const auto& value : values) types.push_back(value.type);
  must(PQsendPrepare(connection_.get(), name.c_str(), statement.c_str(),
                     static_cast<int>(types.size()), types.data()) == 1);
  pending_.push_back({statement});
  return names_.emplace(statement, std::move(name)).first->second.c_str();
}

void Link::forget_prepared() {
  must(PQsendQueryParams(connection_.get(), "DEALLOCATE ALL", 0, nullptr, nullptr, nullptr, nullptr,
                         0) == 1);
  pending_.emplace_back();
  names_.clear();
}

Result Link::wait() {
  must(!lost_ && PQpipelineSync(connection_.get()) == 1);
  flush();
  Result last;
  std::optional<ServerError> error;
  for (const auto& [prepares, is_part] : std::exchange(pending_, {})) {
    auto result = next_result();
    const auto status = PQresultStatus(result.get());
    if (is_part) {
      error.reset();
      continue;
    }
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
      last = std::move(result);
    } else {
      names_.erase(prepares);
      if (!error && status != PGRES_PIPELINE_ABORTED) error = error_of(result.get());
    }
    // The results of one statement end with a null; only then does the next one begin.
    while (PQgetResult(connection_.get()) != nullptr) {
    }
  }
  const auto end = next_result();
  if (PQresultStatus(end.get()) != PGRES_PIPELINE_SYNC) lose("an answer is missing");
  if (error) throw_error(*error);
  return last;
}

Result Link::next_result() {
  while (PQisBusy(connection_.get()) == 1) {
    await(POLLIN);
    must(PQconsumeInput(connection_.get()) == 1);
  }
  Result result(PQgetResult(connection_.get()));
  if (!result || PQstatus(connection_.get()) != CONNECTION_OK)
    lose(PQerrorMessage(connection_.get()));
  return result;
}

bool Link::is_ready(short events, std::chrono::milliseconds within) {
  pollfd socket{PQsocket(connection_.get()), events, 0};
  int ready = 0;
  do {
    ready = poll(&socket, 1, static_cast<int>(within.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

void Link::await(short events) {
  if (!is_ready(events, answer_timeout_)) lose("the server did not answer in time");
}

bool Link::await_notice(std::chrono::milliseconds at_most) {
  if (!is_ready(POLLIN, at_most)) return false;
  if (!is_alive()) lose("the server has closed the connection");
  bool has_come = false;
  while (auto* const notice = PQnotifies(connection_.get())) {
    PQfreemem(notice);
    has_come = true;
  }
  return has_come;
}

void Link::flush() {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return;
    must(left == 1);
    await(POLLIN | POLLOUT);
    must(PQconsumeInput(connection_.get()) == 1);
  }
}

void Link::part() {
  must(!lost_ && PQpipelineSync(connection_.get()) == 1);
  pending_.push_back({{}, true});
  flush();
}

void Link::run_script(const std::string& script) {
  wait();
  must(PQexitPipelineMode(connection_.get()) == 1);
  const Result result(PQexec(connection_.get(), script.c_str()));
  const auto status = PQresultStatus(result.get());
  if (PQstatus(connection_.get()) != CONNECTION_OK) lose(PQerrorMessage(connection_.get()));
  must(PQenterPipelineMode(connection_.get()) == 1);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
    throw_error(error_of(result.get()));
}

}  // namespace stoa::postgres
