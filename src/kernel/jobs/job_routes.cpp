#include <algorithm>
#include <charconv>
#include <limits>

#include "kernel/base/text.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/jobs/job_rows.hpp"
#include "kernel/jobs/jobs.hpp"

namespace stoa::jobs {
namespace {

using http::Reply;
using http::RequestPtr;
using http::Response;

constexpr std::int64_t part_bytes_max = std::int64_t{8} << 20;

struct JobList {
  static constexpr std::string_view schema_name = "JobList";
  std::vector<Job> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &JobList::data), field("next_cursor", &JobList::next_cursor)};
  }
};

struct NewJobBody {
  static constexpr std::string_view schema_name = "NewJob";
  std::string kind;
  json::Metadata parameters;
  std::optional<Timestamp> run_at;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("kind", &NewJobBody::kind, Unbounded{}, "clean-up, deadline-sweep or export"),
        defaulted("parameters", &NewJobBody::parameters, Unbounded{},
                  "export: of (products, orders, events), currency of products"),
        field("run_at", &NewJobBody::run_at, Unbounded{}, "not before then; now when left out")};
  }
};

/// `bytes=FROM-TO`, `bytes=FROM-`; nothing for what is no single range of bytes.
std::optional<std::pair<std::int64_t, std::int64_t>> range_of(std::string_view header) {
  if (!header.starts_with("bytes=")) return std::nullopt;
  header.remove_prefix(6);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  std::int64_t from = 0;
  auto to = std::numeric_limits<std::int64_t>::max();
  const auto read = [](std::string_view text, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && value >= 0;
  };
  if (!read(header.substr(0, dash), from)) return std::nullopt;
  if (const auto last = header.substr(dash + 1); !last.empty() && !read(last, to))
    return std::nullopt;
  return to < from ? std::nullopt : std::optional(std::pair(from, to));
}

class JobRoutes {
 public:
  JobRoutes(const JobsContext& context, Jobs& jobs) : context_(context), jobs_(jobs) {}

  void list(const RequestPtr& request, const Reply& reply) const {
    http::Query query(*request);
    JobFilter filter;
    filter.limit = query.integer("limit", 1, 200, 50);
    filter.kind = query.text("filter[kind]");
    if (const auto state = query.text("filter[state]")) {
      filter.state = json::from_name<JobState>(*state);
      if (!filter.state)
        query.error("filter[state]", "unknown_value", json::one_of(json::names_of<JobState>()));
    }
    if (const auto cursor = query.text("cursor")) {
      filter.before = JobId::parse(*cursor);
      if (!filter.before) query.error("cursor", "wrong_cursor", "Must be a next_cursor.");
    }
    if (const auto good = query.finish(); !good)
      return reply(http::problem(good.error(), *request));
    http::answer_from_store(context_.readers, request, reply, [filter](Store store) mutable {
      const auto limit = static_cast<std::size_t>(filter.limit++);
      JobList page{JobRows(store.db).list(filter), {}};
      if (page.data.size() > limit) {
        page.data.pop_back();
        page.next_cursor = page.data.back().id.str();
      }
      return http::json_response(200, json::to_json(page));
    });
  }

  void show(const RequestPtr& request, const Reply& reply) const {
    render(request, request->param("id"), 200, false, reply);
  }

  void make(const RequestPtr& request, const Reply& reply) const {
    auto body = http::read_body<NewJobBody>(*request);
    if (!body) return reply(http::problem(body.error(), *request));
    const auto key = used_key(*request, context_.crypto, true);
    if (!key) return reply(http::problem(key.error(), *request));
    const auto* kind = jobs_.kind(body->kind);
    if (kind == nullptr || !kind->on_demand())
      return reply(http::problem(Error{ErrorKind::invalid,
                                       "unknown_kind",
                                       "There are no jobs of this kind to be made here.",
                                       {{"/kind", "unknown_kind", "Names no kind of job."}}},
                                 *request));
    auto judged = kind->judge(body->parameters);
    if (!judged) return reply(http::problem(judged.error(), *request));
    NewJob job{context_.ids.make<JobId>(), body->kind, std::move(*judged), {}, body->run_at};
    execute<Jobs::Enqueued>(
        context_.executor, Executor::Lane::outside, 1, request->cause(),
        [this, job = std::move(job), key = *key](UnitOfWork& unit) {
          return jobs_.enqueue(unit, job, key);
        },
        [this, request, reply](Result<Jobs::Enqueued> done) {
          if (!done) return reply(http::problem(done.error(), *request));
          render(request, done->id.str(), 202, done->replayed, reply);
        });
  }

  void cancel(const RequestPtr& request, const Reply& reply) const {
    const auto id = JobId::parse(request->param("id"));
    if (!id) return reply(http::problem(no_job(), *request));
    execute<JobId>(
        context_.executor, Executor::Lane::outside, 1, request->cause(),
        [this, id = *id](UnitOfWork& unit) -> Result<JobId> {
          auto done = jobs_.cancel(unit, id);
          if (!done) return fail(std::move(done.error()));
          return id;
        },
        [this, request, reply](Result<JobId> done) {
          if (!done) return reply(http::problem(done.error(), *request));
          render(request, done->str(), 200, false, reply);
        });
  }

  void file(const RequestPtr& request, const Reply& reply) const {
    const auto id = JobId::parse(request->param("id"));
    if (!id) return reply(http::problem(no_job(), *request));
    const bool taken = context_.readers.submit(
        [this, request, reply, id = *id](Store store) {
          const auto job = JobRows(store.db).find(id);
          if (!job) return reply(http::problem(no_job(), *request));
          // Files are for the worker's thread: a reader holds a transaction open.
          const bool posted =
              jobs_.post([this, request, reply, job = *job] { reply(part_of(*request, job)); });
          if (!posted) reply(http::problem(overloaded(), *request));
        },
        [request, reply] { reply(http::problem(internal_error(), *request)); });
    if (!taken) reply(http::problem(overloaded(), *request));
  }

 private:
  void render(const RequestPtr& request, const std::string& text, int status, bool replayed,
              const Reply& reply) const {
    http::answer_from_store(context_.readers, request, reply, [=](Store store) {
      const auto id = JobId::parse(text);
      const auto job = id ? JobRows(store.db).find(*id) : std::nullopt;
      if (!job) return http::problem(no_job(), *request);
      auto response = http::json_response(status, json::to_json(*job));
      if (status == 202) response.headers.emplace_back("Location", "/v1/jobs/" + text);
      if (replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
      return response;
    });
  }

  [[nodiscard]] Response part_of(const http::Request& request, const Job& job) const {
    const auto* kind = jobs_.kind(job.kind);
    const Error none{ErrorKind::not_found, "no_file", "This job has no file."};
    if (job.state != JobState::succeeded || kind == nullptr || kind->content_type_of(job).empty())
      return http::problem(none, request);
    try {
      const auto size = job.progress.done;
      auto [from, to] =
          range_of(request.header("range")).value_or(std::pair(std::int64_t{0}, size - 1));
      const bool is_range = range_of(request.header("range")).has_value();
      if (is_range && from >= size) {
        auto response = http::problem({ErrorKind::invalid, "range_not_satisfiable",
                                       "The file has " + std::to_string(size) + " bytes."},
                                      request, 416, "Range Not Satisfiable");
        response.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
        return response;
      }
      if (!is_range && size > part_bytes_max)
        return http::problem(
            {ErrorKind::too_large, "range_required",
             "The file has " + std::to_string(size) + " bytes: ask for ranges of at most " +
                 std::to_string(part_bytes_max) + " with the header Range."},
            request);
      to = std::min({to, size - 1, from + part_bytes_max - 1});
      auto part = context_.files.part(kind->file_of(job), from, to - from + 1);
      if (!part) return http::problem(none, request);
      Response response{is_range ? 206 : 200, std::move(*part), kind->content_type_of(job)};
      response.headers.emplace_back("Accept-Ranges", "bytes");
      if (is_range)
        response.headers.emplace_back("Content-Range", "bytes " + std::to_string(from) + "-" +
                                                           std::to_string(to) + "/" +
                                                           std::to_string(size));
      return response;
    } catch (const std::exception& e) {
      context_.report_defect(std::string("A job's file cannot be read: ") + e.what());
      return http::problem(internal_error(), request);
    }
  }

  JobsContext context_;
  Jobs& jobs_;
};

}  // namespace

Error no_job() { return {ErrorKind::not_found, "unknown_job", "There is no such job."}; }

Result<json::Metadata> no_parameters(const json::Metadata& parameters) {
  if (parameters.empty()) return parameters;
  std::vector<FieldError> errors;
  for (const auto& [key, _] : parameters)
    errors.push_back({"/parameters/" + key, "unknown_member", "Is not known here."});
  return fail(Error{ErrorKind::invalid, "invalid_body", "This kind of job takes no parameters.",
                    std::move(errors)});
}

Result<std::optional<IdempotencyKey>> used_key(const http::Request& request, const Crypto& crypto,
                                               bool required) {
  if (!required && request.header("idempotency-key").empty())
    return std::optional<IdempotencyKey>{};
  auto key = http::idempotency_key(request);
  if (!key) return fail(std::move(key.error()));
  return IdempotencyKey{"secret", request.method + " " + request.path, std::move(*key),
                        to_hex(crypto.sha256(request.body))};
}

void add_job_routes(const JobsContext& context, Jobs& jobs) {
  const auto routes = std::make_shared<const JobRoutes>(context, jobs);
  const auto to = [routes](void (JobRoutes::*handle)(const RequestPtr&, const Reply&) const) {
    return [routes, handle](const RequestPtr& request, const Reply& reply) {
      (routes.get()->*handle)(request, reply);
    };
  };
  auto& router = context.router;
  router.add({.method = "GET",
              .path = "/v1/jobs",
              .summary = "Jobs, the newest first",
              .tag = "Jobs",
              .handler = to(&JobRoutes::list),
              .answer = http::schema_of<JobList>(),
              .query = {{"filter[state]", "queued, running, succeeded, failed or cancelled"},
                        {"filter[kind]", "import, export, clean-up, deadline-sweep or rebuild"},
                        {"limit", "1 to 200, default 50"},
                        {"cursor", "next_cursor of the page before"}}});
  router.add({.method = "POST",
              .path = "/v1/jobs",
              .summary = "Begin a job",
              .tag = "Jobs",
              .handler = to(&JobRoutes::make),
              .body = http::schema_of<NewJobBody>(),
              .answer = http::schema_of<Job>(),
              .status = 202,
              .takes_idempotency_key = true});
  router.add({.method = "GET",
              .path = "/v1/jobs/{id}",
              .summary = "Show a job and how far it is",
              .tag = "Jobs",
              .handler = to(&JobRoutes::show),
              .answer = http::schema_of<Job>()});
  router.add({.method = "POST",
              .path = "/v1/jobs/{id}/cancel",
              .summary = "Cancel a job: what it has done stays, nothing more is done",
              .tag = "Jobs",
              .handler = to(&JobRoutes::cancel),
              .answer = http::schema_of<Job>(),
              .also = {409}});
  router.add({.method = "GET",
              .path = "/v1/jobs/{id}/file",
              .summary = "The file of an export, whole or in ranges (header Range)",
              .tag = "Jobs",
              .handler = to(&JobRoutes::file)});
}

}  // namespace stoa::jobs
