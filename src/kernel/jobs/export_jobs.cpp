#include "kernel/jobs/export_jobs.hpp"

#include <map>

#include "kernel/jobs/job_rows.hpp"
#include "kernel/jobs/read_now.hpp"

namespace stoa::jobs {
namespace {

struct ExportCheckpoint {
  std::string cursor;
  std::int64_t bytes = 0;  ///< of the file, up to that cursor
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("cursor", &ExportCheckpoint::cursor, Text{0, 1000}),
                      field("bytes", &ExportCheckpoint::bytes)};
  }
};

struct ExportResult {
  std::int64_t bytes = 0;
  std::string cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("bytes", &ExportResult::bytes), field("cursor", &ExportResult::cursor)};
  }
};

class ExportRun final : public Run {
 public:
  ExportRun(ExportSourcePtr source, Currency currency, JobFiles& files, std::string name,
            ExportCheckpoint checkpoint)
      : source_(std::move(source)),
        currency_(currency),
        files_(files),
        name_(std::move(name)),
        checkpoint_(std::move(checkpoint)) {
    // A restored shop knows of a file that its backup did not hold: it is written anew.
    if (files_.size(name_) < checkpoint_.bytes) checkpoint_ = {};
  }

  Result<Slice> next() override {
    auto& readers = *source_->readers;
    // All that was there when the run began is in the file.
    if (!seen_ && !readers.service().empty())
      seen_ = read_now<std::int64_t>(readers, [](Store store) { return store.log.head(); });
    const auto page = read_now<Result<ExportPage>>(
        readers,
        [this](Store store) { return source_->page(store, {checkpoint_.cursor, currency_}); },
        seen_);
    if (!page) return fail(page.error());
    const ExportCheckpoint after{page->cursor,
                                 checkpoint_.bytes + static_cast<std::int64_t>(page->text.size())};
    Slice slice;
    slice.decide = [after, append = files_.append(name_, checkpoint_.bytes, page->text),
                    finished = !page->more](UnitOfWork& unit) {
      append(unit);
      return Advance{json::to_json(after),
                     {after.bytes, finished ? after.bytes : 0, "bytes"},
                     finished,
                     {json::to_json(ExportResult{after.bytes, after.cursor})}};
    };
    slice.kept = [this, after] { checkpoint_ = after; };
    return slice;
  }

 private:
  ExportSourcePtr source_;
  Currency currency_;
  JobFiles& files_;
  std::string name_;
  ExportCheckpoint checkpoint_;
  std::optional<std::int64_t> seen_;  ///< of the log, when the run began
};

class ExportKind final : public Kind {
 public:
  ExportKind(std::vector<ExportSourcePtr> sources, JobFiles& files) : files_(files) {
    for (auto& source : sources) sources_.emplace(source->name, std::move(source));
  }

  [[nodiscard]] std::string_view name() const override { return "export"; }

  [[nodiscard]] Result<json::Metadata> judge(const json::Metadata& parameters) const override {
    std::vector<FieldError> errors;
    json::Metadata kept;
    const auto of = parameters.find("of");
    const auto source = of == parameters.end() ? sources_.end() : sources_.find(of->second);
    if (source == sources_.end()) {
      std::vector<std::string_view> names;
      names.reserve(sources_.size());
      for (const auto& [known, _] : sources_) names.push_back(known);
      errors.push_back({"/parameters/of", "unknown_value", json::one_of(names)});
    } else {
      kept["of"] = of->second;
    }
    const bool takes_currency = source != sources_.end() && source->second->takes_currency;
    if (takes_currency) kept["currency"] = "GBP";
    for (const auto& [key, value] : parameters) {
      if (key == "of") continue;
      if (key != "currency" || !takes_currency)
        errors.push_back({"/parameters/" + key, "unknown_member", "Is not known here."});
      else if (!Currency::parse(value))
        errors.push_back(
            {"/parameters/currency", "unknown_currency", "Must be a code of ISO 4217."});
      else
        kept["currency"] = value;
    }
    if (errors.empty()) return kept;
    return fail(Error{ErrorKind::invalid, "invalid_body",
                      "The parameters of the job are wrong; see errors.", std::move(errors)});
  }

  Result<std::unique_ptr<Run>> begin(const Job& job) override {
    const auto source = source_of(job);
    if (!source)
      return fail(ErrorKind::internal, "unknown_export", "This program does not export that.");
    ExportCheckpoint checkpoint;
    if (!job.checkpoint.empty()) {
      auto stored = json::read_stored<ExportCheckpoint>(job.checkpoint);
      if (!stored) return fail(std::move(stored.error()));
      checkpoint = std::move(*stored);
    }
    const auto given = job.parameters.find("currency");
    const auto currency =
        given == job.parameters.end() ? std::nullopt : Currency::parse(given->second);
    return std::make_unique<ExportRun>(source, currency.value_or(Currency{}), files_, file_of(job),
                                       std::move(checkpoint));
  }

  [[nodiscard]] std::string file_of(const Job& job) const override {
    const auto source = source_of(job);
    return "exports/" + job.id.str() + (source ? source->extension : "");
  }
  [[nodiscard]] std::string content_type_of(const Job& job) const override {
    const auto source = source_of(job);
    return source ? source->content_type : "";
  }

 private:
  [[nodiscard]] ExportSourcePtr source_of(const Job& job) const {
    const auto of = job.parameters.find("of");
    if (of == job.parameters.end()) return nullptr;
    const auto at = sources_.find(of->second);
    return at == sources_.end() ? nullptr : at->second;
  }

  std::map<std::string, ExportSourcePtr, std::less<>> sources_;
  JobFiles& files_;
};

struct CleanUpResult {
  std::int64_t jobs = 0;
  std::int64_t files = 0;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("jobs", &CleanUpResult::jobs), field("files", &CleanUpResult::files)};
  }
};

class CleanUpRun final : public Run {
 public:
  CleanUpRun(const JobsContext& context, Jobs& jobs, const CleanUpOptions& options,
             CleanUpResult done)
      : context_(context), jobs_(jobs), options_(options), done_(done) {}

  /// Files go first: a crash leaves a job whose file is looked for in vain once more.
  Result<Slice> next() override {
    constexpr std::int64_t jobs_max = 50;
    const auto before = context_.clock.now() - options_.keep;
    const auto ended = read_now<std::vector<Job>>(context_.readers, [&](Store store) {
      return JobRows(store.db).ended_before(before, jobs_max);
    });
    for (const auto& job : ended) {
      const auto* kind = jobs_.kind(job.kind);
      const auto file = kind == nullptr ? "" : kind->file_of(job);
      if (!file.empty() && context_.files.remove(file)) ++done_.files;
    }
    const bool finished = std::ssize(ended) < jobs_max;
    if (finished) remove_strays();
    done_.jobs += std::ssize(ended);
    Slice slice;
    slice.weight = 1 + static_cast<int>(ended.size());
    slice.decide = [this, ended, finished, done = done_](UnitOfWork& unit) {
      JobRows rows(context_.db);
      for (const auto& job : ended) {
        if (auto* kind = jobs_.kind(job.kind)) kind->forget(unit, job.id);
        rows.remove(job.id);
      }
      const auto text = json::to_json(done);
      return Advance{text, {done.jobs, finished ? done.jobs : 0, "jobs"}, finished, {text}};
    };
    return slice;
  }

 private:
  /// What was written for a job that then was not made.
  void remove_strays() {
    for (const auto& file :
         context_.files.not_written_since(context_.clock.now() - std::chrono::hours(24))) {
      constexpr std::size_t id_length = JobId::prefix().size() + 1 + 26;
      const auto id = JobId::parse(file.substr(file.rfind('/') + 1, id_length));
      if (!id) continue;
      const bool is_known = read_now<bool>(
          context_.readers, [&](Store store) { return JobRows(store.db).find(*id).has_value(); });
      if (!is_known && context_.files.remove(file)) ++done_.files;
    }
  }

  const JobsContext& context_;
  Jobs& jobs_;
  const CleanUpOptions& options_;
  CleanUpResult done_;
};

class CleanUpKind final : public Kind {
 public:
  CleanUpKind(const JobsContext& context, Jobs& jobs, CleanUpOptions options)
      : context_(context), jobs_(jobs), options_(options) {}

  [[nodiscard]] std::string_view name() const override { return "clean-up"; }
  [[nodiscard]] Result<json::Metadata> judge(const json::Metadata& parameters) const override {
    return no_parameters(parameters);
  }
  Result<std::unique_ptr<Run>> begin(const Job& job) override {
    CleanUpResult done;
    if (!job.checkpoint.empty()) {
      auto stored = json::read_stored<CleanUpResult>(job.checkpoint);
      if (!stored) return fail(std::move(stored.error()));
      done = *stored;
    }
    return std::make_unique<CleanUpRun>(context_, jobs_, options_, done);
  }

 private:
  JobsContext context_;
  Jobs& jobs_;
  CleanUpOptions options_;
};

}  // namespace

std::unique_ptr<Kind> make_export_kind(std::vector<ExportSourcePtr> sources, JobFiles& files) {
  return std::make_unique<ExportKind>(std::move(sources), files);
}

std::unique_ptr<Kind> make_clean_up_kind(const JobsContext& context, Jobs& jobs,
                                         CleanUpOptions options) {
  return std::make_unique<CleanUpKind>(context, jobs, options);
}

}  // namespace stoa::jobs
