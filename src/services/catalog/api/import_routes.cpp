#include "kernel/http/from_store.hpp"
#include "services/catalog/api/import_upload.hpp"
#include "services/catalog/api/routes.hpp"
#include "services/catalog/application/import.hpp"
#include "services/catalog/application/rejected_file.hpp"

namespace stoa::catalog {
namespace {

using http::Reply;
using http::RequestPtr;

constexpr std::size_t told_max = 10'000;  ///< rows in one answer; the file has them all
constexpr std::size_t file_bytes_max = std::size_t{256} << 20;
constexpr std::size_t form_bytes_max = std::size_t{64} << 20;   ///< which is in memory at once
constexpr std::size_t whole_bytes_max = std::size_t{64} << 10;  ///< longer ones come as a stream

struct ImportView {
  static constexpr std::string_view schema_name = "Import";
  std::string id;
  jobs::JobState state = jobs::JobState::queued;
  std::string currency;
  bool dry_run = false;
  std::int64_t bytes = 0;
  std::int64_t bytes_read = 0;
  ImportCounts counts;
  std::vector<FileNote> rejected;
  std::vector<FileNote> notes;
  Timestamp created_at;
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> finished_at;
  std::optional<jobs::JobError> error;
  static constexpr auto fields() {
    using namespace json;
    using V = ImportView;
    return std::tuple{field("id", &V::id),
                      field("state", &V::state),
                      field("currency", &V::currency),
                      field("dry_run", &V::dry_run),
                      field("bytes", &V::bytes),
                      field("bytes_read", &V::bytes_read),
                      field("counts", &V::counts, Unbounded{}, "so far"),
                      field("rejected", &V::rejected, Items{0, told_max},
                            "once it has ended; more are in …/rejected"),
                      field("notes", &V::notes, Items{0, told_max}, "once it has ended"),
                      field("created_at", &V::created_at),
                      field("started_at", &V::started_at),
                      field("finished_at", &V::finished_at),
                      field("error", &V::error)};
  }
};

class ImportRoutes {
 public:
  ImportRoutes(const Api& api, jobs::Jobs& jobs, jobs::JobFiles& files)
      : api_(api), jobs_(jobs), files_(files) {}

  /// The file is made durable first, then its job is. What a crash leaves between is cleaned up.
  void begin(const RequestPtr& request, const Reply& reply) const {
    if (!request->stream) return post_whole(request, reply);
    const auto is_form = brings_form(*request);
    if (!is_form) return reply(http::problem(is_form.error(), *request));
    if (!*is_form) return receive(request, reply);
    read_whole(request, form_bytes_max, [this, request, reply](const Result<RequestPtr>& whole) {
      if (!whole) return reply(http::problem(whole.error(), *request));
      post_whole(*whole, reply);
    });
  }

  void show(const RequestPtr& request, const Reply& reply) const {
    find(request, reply,
         [this, request, reply](const jobs::Job& job) { render(request, job, 200, false, reply); });
  }

  void show_rejected(const RequestPtr& request, const Reply& reply) const {
    find(request, reply, [this, request, reply](const jobs::Job& job) {
      const auto refuse = [request, reply](const Error& error) {
        reply(http::problem(error, *request));
      };
      const bool taken = api_.context.readers.submit(
          [this, refuse, reply, job](Store store) {
            auto rows = api_.open_rows(store.db).imports->list(job.id.str(), INT64_MAX);
            // Files are for the jobs' thread: a reader holds a transaction open.
            const bool posted = jobs_.post([this, refuse, reply, job, rows = std::move(rows)] {
              try {
                const auto upload = files_.open(upload_of(job.id));
                if (!upload) return refuse(internal_error());
                reply({200, rejected_file(upload->text(), rows), "text/csv; charset=utf-8"});
              } catch (const std::exception&) {
                refuse(internal_error());
              }
            });
            if (!posted) refuse(overloaded());
          },
          [refuse] { refuse(internal_error()); });
      if (!taken) refuse(overloaded());
    });
  }

 private:
  void post_whole(const RequestPtr& request, const Reply& reply) const {
    const bool posted = jobs_.post([this, request, reply] {
      try {
        store(request, reply);
      } catch (const std::exception&) {
        reply(http::problem(internal_error(), *request));
      }
    });
    if (!posted) reply(http::problem(overloaded(), *request));
  }

  /// A file that is stored while it comes.
  void receive(const RequestPtr& request, const Reply& reply) const {
    const auto options = upload_options(*request);
    if (!options) return reply(http::problem(options.error(), *request));
    const auto key = jobs::used_key(*request, api_.context.crypto, false);
    if (!key) return reply(http::problem(key.error(), *request));
    const auto id = api_.context.ids.make<jobs::JobId>();
    const auto upload =
        std::make_shared<IncomingUpload>(IncomingUpload::Parts{jobs_, files_, api_.context.executor,
                                                               api_.context.crypto, api_.sanitise},
                                         request, upload_of(id), *options);
    upload->receive([this, request, reply, id, options = *options,
                     key = *key](const Result<IncomingUpload::Stored>& stored) mutable {
      if (!stored)
        return drop_upload(id, [request, reply, error = stored.error()] {
          reply(http::problem(error, *request));
        });
      if (key) key->body_hash = stored->hash;
      enqueue(request, reply, id, options, stored->bytes, key);
    });
  }

  /// On the jobs' thread.
  void store(const RequestPtr& request, const Reply& reply) const {
    const auto upload = read_upload(*request);
    if (!upload) return reply(http::problem(upload.error(), *request));
    const auto key = jobs::used_key(*request, api_.context.crypto, false);
    if (!key) return reply(http::problem(key.error(), *request));
    ProductFile file(upload->text, upload->options.currency, api_.sanitise);
    if (auto header = file.read_header(); !header)
      return reply(http::problem(header.error(), *request));
    const auto id = api_.context.ids.make<jobs::JobId>();
    files_.put(upload_of(id), upload->text);
    enqueue(request, reply, id, upload->options, static_cast<std::int64_t>(upload->text.size()),
            *key);
  }

  void enqueue(const RequestPtr& request, const Reply& reply, jobs::JobId id,
               const ImportOptions& options, std::int64_t bytes,
               const std::optional<IdempotencyKey>& key) const {
    execute<jobs::Jobs::Enqueued>(
        api_.context.executor, Executor::Lane::outside, 1, request->cause(),
        [this, job = jobs::NewJob{id, "import", to_parameters(options), {0, bytes, "bytes"}},
         key](UnitOfWork& unit) { return jobs_.enqueue(unit, job, key); },
        [this, request, reply, id](Result<jobs::Jobs::Enqueued> done) {
          if (done && done->id == id) return answer(request, reply, done);
          drop_upload(id, [this, request, reply, done] { answer(request, reply, done); });
        });
  }

  void answer(const RequestPtr& request, const Reply& reply,
              const Result<jobs::Jobs::Enqueued>& done) const {
    if (!done) return reply(http::problem(done.error(), *request));
    jobs_.find(done->id,
               [this, request, reply, done = *done](Result<std::optional<jobs::Job>> found) {
                 if (!found || !*found)
                   return reply(http::problem(found ? jobs::no_job() : found.error(), *request));
                 render(request, **found, 202, done.replayed, reply);
               });
  }

  /// One that cannot be dropped now is cleaned up later.
  void drop_upload(jobs::JobId id, const std::function<void()>& then) const {
    const bool posted = jobs_.post([this, id, then] {
      try {
        files_.remove(upload_of(id));
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
      }
      then();
    });
    if (!posted) then();
  }

  void find(const RequestPtr& request, const Reply& reply,
            const std::function<void(const jobs::Job&)>& then) const {
    const auto id = jobs::JobId::parse(request->param("id"));
    if (!id) return reply(http::problem(no_import(), *request));
    jobs_.find(*id, [request, reply, then](Result<std::optional<jobs::Job>> found) {
      if (!found) return reply(http::problem(found.error(), *request));
      if (!*found || (*found)->kind != "import") return reply(http::problem(no_import(), *request));
      then(**found);
    });
  }

  static Error no_import() {
    return {ErrorKind::not_found, "unknown_import", "There is no such import."};
  }

  void render(const RequestPtr& request, const jobs::Job& job, int status, bool replayed,
              const Reply& reply) const {
    http::answer_from_store(api_.context.readers, request, reply,
                            [job, status, replayed, open = api_.open_rows](Store store) {
                              const auto view = view_of(job, *open(store.db).imports);
                              auto response = http::json_response(status, json::to_json(view));
                              if (status == 202)
                                response.headers.emplace_back("Location",
                                                              "/v1/imports/" + job.id.str());
                              if (replayed)
                                response.headers.emplace_back("Idempotent-Replayed", "true");
                              return response;
                            });
  }

  static ImportView view_of(const jobs::Job& job, ImportRows& rows) {
    const auto options = options_of(job.parameters);
    ImportView view;
    view.id = job.id.str();
    view.state = job.state;
    view.currency = options.currency.code();
    view.dry_run = options.dry_run;
    view.bytes = job.progress.total;
    view.bytes_read = job.progress.done;
    if (!job.checkpoint.empty())
      view.counts = json::read_stored<ImportCheckpoint>(job.checkpoint).value().counts;
    view.created_at = job.created_at;
    view.started_at = job.started_at;
    view.finished_at = job.finished_at;
    view.error = job.error;
    if (!job.has_ended()) return view;
    for (auto& row : rows.list(view.id, told_max)) {
      if (row.kind == ImportRow::Kind::follows) continue;
      auto& to = row.kind == ImportRow::Kind::rejected ? view.rejected : view.notes;
      to.push_back({row.line, std::move(row.reason)});
    }
    return view;
  }

  Api api_;
  jobs::Jobs& jobs_;
  jobs::JobFiles& files_;
};

}  // namespace

void add_import_routes(const Api& api, jobs::Jobs& jobs, jobs::JobFiles& files) {
  const auto routes = std::make_shared<const ImportRoutes>(api, jobs, files);
  const auto to = [routes](void (ImportRoutes::*handle)(const RequestPtr&, const Reply&) const) {
    return [routes, handle](const RequestPtr& request, const Reply& reply) {
      (routes.get()->*handle)(request, reply);
    };
  };
  auto& router = api.context.router;
  router.add({.method = "POST",
              .path = "/v1/imports",
              .summary = "Import Shopify's product CSV (text/csv, or a form with one file)",
              .tag = "Imports",
              .handler = to(&ImportRoutes::begin),
              .answer = http::schema_of<ImportView>(),
              .status = 202,
              .query = {{"currency", "of the prices; GBP when left out"},
                        {"dry_run", "true: say what would happen"}},
              .limits = {.body_bytes_max = file_bytes_max, .whole_body_bytes_max = whole_bytes_max},
              .also = {400, 413, 415}});
  router.add({.method = "GET",
              .path = "/v1/imports/{id}",
              .summary = "Show an import and how far it is",
              .tag = "Imports",
              .handler = to(&ImportRoutes::show),
              .answer = http::schema_of<ImportView>()});
  router.add({.method = "GET",
              .path = "/v1/imports/{id}/rejected",
              .summary = "The rejected rows as CSV, with the reasons before the file's own columns",
              .tag = "Imports",
              .handler = to(&ImportRoutes::show_rejected)});
}

}  // namespace stoa::catalog
