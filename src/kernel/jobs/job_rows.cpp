#include "kernel/jobs/job_rows.hpp"

#include "kernel/base/assert.hpp"
#include "kernel/mediator/idempotency.hpp"

namespace stoa::jobs {
namespace {

constexpr std::string_view schema = R"sql(
CREATE TABLE jobs_job(
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, scheduled INTEGER NOT NULL,
  parameters TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL, unit TEXT NOT NULL,
  attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, run_at INTEGER NOT NULL,
  started_at INTEGER, finished_at INTEGER, error TEXT, result TEXT NOT NULL,
  checkpoint TEXT NOT NULL, stalled INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX jobs_job_queued ON jobs_job(run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_job_running ON jobs_job(id) WHERE state = 'running';
CREATE INDEX jobs_job_ended ON jobs_job(finished_at) WHERE finished_at IS NOT NULL;
CREATE TABLE jobs_schedule(name TEXT PRIMARY KEY, ran_for INTEGER NOT NULL) WITHOUT ROWID;
)sql";

constexpr std::string_view select =
    "SELECT id, kind, state, scheduled, parameters, done, total, unit, attempts, created_at, "
    "run_at,"
    " started_at, finished_at, error, result, checkpoint, stalled FROM jobs_job ";

template <class T>
T stored(std::string_view text) {
  auto value = json::read_stored<T>(text);
  STOA_ASSERT(value.has_value());
  return std::move(*value);
}

std::optional<std::int64_t> micros(const std::optional<Timestamp>& time) {
  return time ? std::optional(to_unix_microseconds(*time)) : std::nullopt;
}

std::optional<Timestamp> time_of(const sql::Row& row, int column) {
  return row.is_null(column) ? std::nullopt
                             : std::optional(from_unix_microseconds(row.integer(column)));
}

Job read(const sql::Row& row) {
  Job job;
  const auto id = JobId::parse(row.text(0));
  const auto state = json::from_name<JobState>(row.text(2));
  STOA_ASSERT(id && state);
  job.id = *id;
  job.kind = row.text(1);
  job.state = *state;
  job.scheduled = row.integer(3) != 0;
  job.parameters = stored<json::Metadata>(row.text(4));
  job.progress = {row.integer(5), row.integer(6), std::string(row.text(7))};
  job.attempts = row.integer(8);
  job.created_at = from_unix_microseconds(row.integer(9));
  job.run_at = from_unix_microseconds(row.integer(10));
  job.started_at = time_of(row, 11);
  job.finished_at = time_of(row, 12);
  if (!row.is_null(13)) job.error = stored<JobError>(row.text(13));
  job.result = {std::string(row.text(14))};
  job.checkpoint = row.text(15);
  job.stalled = row.integer(16);
  return job;
}

std::optional<std::string> error_of(const Job& job) {
  return job.error ? std::optional(json::to_json(*job.error)) : std::nullopt;
}

}  // namespace

void JobRows::insert(const Job& job) {
  db_.execute("INSERT INTO jobs_job VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
              job.id.str(), job.kind, json::name_of(job.state), job.scheduled ? 1 : 0,
              json::to_json(job.parameters), job.progress.done, job.progress.total,
              job.progress.unit, job.attempts, to_unix_microseconds(job.created_at),
              to_unix_microseconds(job.run_at), micros(job.started_at), micros(job.finished_at),
              error_of(job), job.result.text, job.checkpoint, job.stalled);
}

void JobRows::update(const Job& job) {
  db_.execute(
      "UPDATE jobs_job SET state = ?, done = ?, total = ?, unit = ?, attempts = ?, run_at = ?,"
      " started_at = ?, finished_at = ?, error = ?, result = ?, checkpoint = ?, stalled = ?"
      " WHERE id = ?",
      json::name_of(job.state), job.progress.done, job.progress.total, job.progress.unit,
      job.attempts, to_unix_microseconds(job.run_at), micros(job.started_at),
      micros(job.finished_at), error_of(job), job.result.text, job.checkpoint, job.stalled,
      job.id.str());
}

void JobRows::remove(JobId id) { db_.execute("DELETE FROM jobs_job WHERE id = ?", id.str()); }

std::optional<Job> JobRows::find(JobId id) {
  return db_.one(std::string(select) + "WHERE id = ?", read, id.str());
}

std::vector<Job> JobRows::list(const JobFilter& filter) {
  std::string where = "WHERE (?1 IS NULL OR id < ?1)";
  // Parameters that no condition names are still bound.
  if (filter.state) where += " AND state = ?2";
  if (filter.kind) where += " AND kind = ?3";
  std::vector<Job> jobs;
  db_.query(
      std::string(select) + where + " ORDER BY id DESC LIMIT ?4",
      [&](const sql::Row& row) { jobs.push_back(read(row)); },
      filter.before ? std::optional(filter.before->str()) : std::nullopt,
      filter.state ? std::optional(std::string(json::name_of(*filter.state))) : std::nullopt,
      filter.kind, filter.limit);
  return jobs;
}

std::int64_t JobRows::count_open() {
  return *db_.one(
      "SELECT (SELECT count(*) FROM jobs_job WHERE state = 'queued') +"
      " (SELECT count(*) FROM jobs_job WHERE state = 'running')",
      [](const sql::Row& row) { return row.integer(0); });
}

bool JobRows::is_open(std::string_view kind, bool scheduled) {
  return db_
      .one(
          "SELECT 1 FROM jobs_job WHERE state IN ('queued', 'running') AND kind = ?"
          " AND scheduled = ? LIMIT 1",
          [](const sql::Row&) { return true; }, kind, scheduled ? 1 : 0)
      .has_value();
}

std::optional<Job> JobRows::first_queued() {
  return db_.one(std::string(select) + "WHERE state = 'queued' ORDER BY run_at, id LIMIT 1", read);
}

void JobRows::requeue_running() {
  db_.execute("UPDATE jobs_job SET state = 'queued' WHERE state = 'running'");
}

std::vector<Job> JobRows::ended_before(Timestamp time, std::int64_t limit) {
  std::vector<Job> jobs;
  db_.query(
      std::string(select) +
          "WHERE finished_at IS NOT NULL AND finished_at < ? ORDER BY finished_at LIMIT ?",
      [&](const sql::Row& row) { jobs.push_back(read(row)); }, to_unix_microseconds(time), limit);
  return jobs;
}

std::optional<Timestamp> JobRows::schedule_ran_for(std::string_view name) {
  return db_.one(
      "SELECT ran_for FROM jobs_schedule WHERE name = ?",
      [](const sql::Row& row) { return from_unix_microseconds(row.integer(0)); }, name);
}

void JobRows::set_schedule_ran_for(std::string_view name, Timestamp time) {
  db_.execute(
      "INSERT INTO jobs_schedule VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET"
      " ran_for = excluded.ran_for",
      name, to_unix_microseconds(time));
}

sql::Migrations migrations() {
  static const std::string idempotency = Idempotency::schema("jobs_");
  return {"jobs_", {schema, idempotency}};
}

}  // namespace stoa::jobs
