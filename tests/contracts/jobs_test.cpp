#include "kernel/jobs/jobs.hpp"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <thread>

#include "contracts/temporary_folder.hpp"
#include "kernel/jobs/job_rows.hpp"
#include "kernel/mediator/reader_pool.hpp"
#include "kernel/mediator/write_loop.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa::jobs {
namespace {

constexpr std::int64_t slices = 5;

/// What goes wrong in a slice, counted from 0.
using Trouble = std::function<void(std::int64_t slice)>;

/// Adds a row to `jobs_effect` in each of five slices.
class CountingKind final : public Kind {
 public:
  CountingKind(sql::Connection& db, Trouble trouble) : db_(db), trouble_(std::move(trouble)) {}
  [[nodiscard]] std::string_view name() const override { return "count"; }
  [[nodiscard]] Result<json::Metadata> judge(const json::Metadata& given) const override {
    return given;
  }
  Result<std::unique_ptr<Run>> begin(const Job& job) override {
    return std::make_unique<CountingRun>(*this,
                                         job.checkpoint.empty() ? 0 : std::stoll(job.checkpoint));
  }

 private:
  struct CountingRun final : Run {
    CountingRun(CountingKind& of, std::int64_t from) : kind(of), done(from) {}
    Result<Slice> next() override {
      Slice slice;
      slice.decide = [this](UnitOfWork&) {
        kind.db_.execute("INSERT INTO jobs_effect VALUES(?)", done);
        kind.trouble_(done);
        const auto text = std::to_string(done + 1);
        return Advance{text, {done + 1, slices, "rows"}, done + 1 == slices, {text}};
      };
      slice.kept = [this] { ++done; };
      return slice;
    }
    CountingKind& kind;
    std::int64_t done;
  };

  sql::Connection& db_;
  Trouble trouble_;
};

class JobsTest : public testing::Test {
 protected:
  JobsTest() {
    sql::migrate(*database_, migrations());
    db_->run_script("CREATE TABLE IF NOT EXISTS jobs_effect(n INTEGER NOT NULL)");
    loop_->start();
  }
  ~JobsTest() override {
    stop();
    pool_->stop();
  }

  /// As the shop does; what has run timers of the loop goes after it.
  void stop() {
    jobs_->stop();
    loop_->stop();
    jobs_.reset();
  }
  void restart(Trouble trouble) {
    stop();
    loop_ = make_write_loop(*database_, clock_, participants_, [](const std::string&) {});
    loop_->start();
    start(std::move(trouble));
  }

  void start(Trouble trouble) {
    jobs_ = make_jobs({*db_, *loop_, *readers_, clock_, *ids_, *crypto_, router_, metrics_,
                       [](const std::string&) {}},
                      {.retry_pause = std::chrono::milliseconds(1), .stalled_max = 3});
    jobs_->add(std::make_unique<CountingKind>(*db_, std::move(trouble)));
    jobs_->start();
  }

  template <class T>
  T in_writer(const std::function<T(UnitOfWork&)>& run) {
    std::promise<T> answer;
    execute<T>(
        *loop_, Executor::Lane::inside, 1, {},
        [&](UnitOfWork& unit) { return Result<T>(run(unit)); },
        [&](Result<T> result) { answer.set_value(std::move(*result)); });
    return answer.get_future().get();
  }

  JobId enqueue() { return enqueue(ids_->make<JobId>()); }
  JobId enqueue(JobId id) {
    EXPECT_TRUE(in_writer<bool>([&](UnitOfWork& unit) {
      return jobs_->enqueue(unit, {id, "count", {}}, std::nullopt).has_value();
    }));
    return id;
  }

  Job ended(JobId id) {
    for (;;) {
      const auto job = in_writer<Job>([&](UnitOfWork&) { return *JobRows(*db_).find(id); });
      if (job.has_ended()) return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::vector<std::int64_t> effects() {
    return in_writer<std::vector<std::int64_t>>([&](UnitOfWork&) {
      std::vector<std::int64_t> all;
      db_->query("SELECT n FROM jobs_effect ORDER BY rowid",
                 [&](const sql::Row& row) { all.push_back(row.integer(0)); });
      return all;
    });
  }

  const std::vector<std::int64_t> each_once_{0, 1, 2, 3, 4};
  TemporaryFolder folder_;
  std::string path_ = folder_.file("shop.db");
  SystemClock clock_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<IdSource> ids_ = make_uuid_v7_source(clock_);
  std::unique_ptr<sqlite::Database> database_ = sqlite::open(path_, sqlite::Database::Mode::writer);
  std::unique_ptr<sql::Connection> db_ = database_->handle("");
  std::vector<Participant*> participants_;
  std::unique_ptr<WriteLoop> loop_ =
      make_write_loop(*database_, clock_, participants_, [](const std::string&) {});
  std::unique_ptr<ReaderPool> pool_ =
      make_reader_pool([this] { return sqlite::open(path_, sqlite::Database::Mode::reader); }, 1,
                       *crypto_, [](const std::string&) {});
  std::unique_ptr<Readers> readers_ = pool_->of("jobs_");
  http::Router router_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Jobs> jobs_;
};

TEST_F(JobsTest, Slices_AreDoneOnceEach) {
  start([](std::int64_t) {});
  const auto job = ended(enqueue());
  EXPECT_EQ(job.state, JobState::succeeded);
  EXPECT_EQ(job.result.text, "5");
  EXPECT_EQ(job.progress.done, slices);
  EXPECT_EQ(effects(), each_once_);
}

TEST_F(JobsTest, SliceThatThrows_LeavesNothingAndIsDoneAgain) {
  int thrown = 0;
  start([&](std::int64_t slice) {
    // Twice, for a command that shares a batch is tried alone once more.
    if (slice == 3 && thrown++ < 2) throw std::runtime_error("twice");
  });
  const auto job = ended(enqueue());
  EXPECT_EQ(job.state, JobState::succeeded);
  EXPECT_EQ(effects(), each_once_);
  EXPECT_GT(job.attempts, 1);
}

TEST_F(JobsTest, SliceThatAlwaysThrows_IsGivenUp) {
  start([](std::int64_t slice) {
    if (slice == 2) throw std::runtime_error("always");
  });
  const auto job = ended(enqueue());
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.error->code, "gave_up");
  EXPECT_EQ(effects(), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(ended(enqueue()).state, JobState::failed) << "the next one is still worked on";
}

TEST_F(JobsTest, Restart_GoesOnBehindTheLastSliceThatWasKept) {
  std::promise<void> reached;
  std::once_flag once;
  start([&](std::int64_t slice) {
    if (slice == 2) std::call_once(once, [&] { reached.set_value(); });
  });
  const auto id = enqueue();
  reached.get_future().get();
  restart([](std::int64_t) {});
  EXPECT_EQ(ended(id).state, JobState::succeeded);
  EXPECT_EQ(effects(), each_once_);
}

TEST_F(JobsTest, CancelledBetweenSlices_DoesNothingMore) {
  const auto id = ids_->make<JobId>();
  const auto cancel = [this, id](UnitOfWork& unit) -> Result<bool> {
    return jobs_->cancel(unit, id).has_value();
  };
  start([&](std::int64_t slice) {
    // Queued before the next slice can be.
    if (slice == 1)
      execute<bool>(*loop_, Executor::Lane::inside, 1, {}, cancel, [](Result<bool>) {});
  });
  EXPECT_EQ(ended(enqueue(id)).state, JobState::cancelled);
  restart([](std::int64_t) {});
  EXPECT_EQ(ended(enqueue()).state, JobState::succeeded);
  EXPECT_EQ(effects(), (std::vector<std::int64_t>{0, 1, 0, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace stoa::jobs
