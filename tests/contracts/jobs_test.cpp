#include "kernel/jobs/jobs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
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

  void start(Trouble trouble, std::optional<JobsSharing> sharing = {}) {
    jobs_ = make_jobs({*db_, *loop_, *readers_, *files_, clock_, *ids_, *crypto_, router_, metrics_,
                       [](const std::string&) {}},
                      {.sharing = std::move(sharing),
                       .retry_pause = std::chrono::milliseconds(1),
                       .stalled_max = 3});
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
  std::unique_ptr<JobFiles> files_ = make_folder_files(folder_.file(""), {"exports"});
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

TEST_F(JobsTest, SliceOfAJobThatAnotherProcessHasTakenUp_IsNotKept) {
  const auto id = ids_->make<JobId>();
  const auto take_up = [this, id](UnitOfWork&) -> Result<bool> {
    auto job = *JobRows(*db_).find(id);
    ++job.attempts;
    JobRows(*db_).update(job);
    return true;
  };
  start([&](std::int64_t slice) {
    // Queued before the next slice can be.
    if (slice == 1)
      execute<bool>(*loop_, Executor::Lane::inside, 1, {}, take_up, [](Result<bool>) {});
  });
  enqueue(id);
  EXPECT_EQ(ended(enqueue()).state, JobState::succeeded);
  const auto kept = effects();
  EXPECT_EQ(std::ranges::count(kept, 1), 2);
  EXPECT_EQ(std::ranges::count(kept, 2), 1) << "of the second job alone";
  EXPECT_EQ(in_writer<Job>([&](UnitOfWork&) { return *JobRows(*db_).find(id); }).state,
            JobState::running)
      << "it is the other one's";
}

TEST_F(JobsTest, Shared_IsWorkedOnByTheLeaderAlone) {
  std::atomic<bool> leads = false;
  start([](std::int64_t) {},
        JobsSharing{[&] { return leads.load(); }, std::chrono::milliseconds(1)});
  const auto id = enqueue();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(effects(), std::vector<std::int64_t>());
  leads = true;
  EXPECT_EQ(ended(id).state, JobState::succeeded);
  EXPECT_EQ(effects(), each_once_);
  leads = false;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  enqueue();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(effects(), each_once_);
}

TEST_F(JobsTest, JobThatAnotherProcessHasMade_IsFoundByTheLeader) {
  start([](std::int64_t) {}, JobsSharing{[] { return true; }, std::chrono::milliseconds(1)});
  ASSERT_EQ(ended(enqueue()).state, JobState::succeeded);
  Job job;
  job.id = ids_->make<JobId>();
  job.kind = "count";
  job.created_at = job.run_at = clock_.now();
  in_writer<bool>([&](UnitOfWork&) {
    JobRows(*db_).insert(job);
    return true;
  });
  EXPECT_EQ(ended(job.id).state, JobState::succeeded);
}

/// Both places of files, in one text.
class JobFilesTest : public JobsTest {
 protected:
  void keeps_what_it_is_given(JobFiles& files) {
    const std::string text = std::string(300'000, 'a') + std::string(300'000, 'b');
    EXPECT_EQ(files.open("exports/one"), nullptr);
    EXPECT_EQ(files.part("exports/one", 0, 10), std::nullopt);
    EXPECT_EQ(files.size("exports/one"), 0);
    files.put("exports/one", text);
    files.put("exports/two", "");
    EXPECT_EQ(files.open("exports/one")->text(), text);
    EXPECT_EQ(files.open("exports/two")->text(), "");
    EXPECT_EQ(files.size("exports/one"), 600'000);
    EXPECT_EQ(files.part("exports/one", 299'999, 2), "ab");
    EXPECT_EQ(files.part("exports/one", 599'999, 10), "b");
    EXPECT_EQ(files.part("exports/two", 0, 10), "");
    for (const auto& [at, more] : {std::pair(0, "one"), std::pair(3, "two"), std::pair(6, "three"),
                                   std::pair(3, "TWO"), std::pair(6, "")})
      append(files, at, more);
    EXPECT_EQ(files.open("exports/grown")->text(), "oneTWO") << "what stood behind is gone";
    EXPECT_EQ(files.part("exports/grown", 2, 2), "eT");
    const auto now = clock_.now();
    EXPECT_EQ(files.not_written_since(now - std::chrono::hours(1)).size(), 0U);
    EXPECT_EQ(files.not_written_since(now + std::chrono::hours(1)).size(), 3U);
    EXPECT_TRUE(files.remove("exports/one"));
    EXPECT_FALSE(files.remove("exports/one"));
    EXPECT_EQ(files.open("exports/one"), nullptr);
  }
  void append(JobFiles& files, std::int64_t at, const std::string& text) {
    const auto rest = files.append("exports/grown", at, text);
    in_writer<bool>([&](UnitOfWork& unit) {
      rest(unit);
      return true;
    });
  }
};

TEST_F(JobFilesTest, Folder_KeepsWhatItIsGiven) {
  start([](std::int64_t) {});
  keeps_what_it_is_given(*files_);
}

TEST_F(JobFilesTest, Table_KeepsWhatItIsGiven) {
  sql::migrate(*database_, file_migrations());
  start([](std::int64_t) {});
  const auto readers = pool_->of("");
  keeps_what_it_is_given(*make_table_files(*db_, *loop_, *readers));
}

}  // namespace
}  // namespace stoa::jobs
