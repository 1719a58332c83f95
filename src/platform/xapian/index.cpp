#include "platform/xapian/index.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <xapian.h>

#include <atomic>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

#include "kernel/base/assert.hpp"
#include "platform/xapian/searcher.hpp"
#include "platform/xapian/translate.hpp"
#include "platform/xapian/writer.hpp"

namespace stoa::xapian {
namespace {

namespace fs = std::filesystem;

constexpr int tries_max = 8;
/// What changed in the last commits is remembered up to so many documents: a searcher that is
/// further behind begins anew.
constexpr std::size_t changed_max = 20'000;
constexpr std::string_view database_prefix = "products-";

[[noreturn]] void fail_with(const std::string& what) { throw search::Failure(what); }

void sync(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail_with("cannot open " + path.string());
  const int result = ::fsync(file);
  ::close(file);
  if (result != 0) fail_with("cannot flush " + path.string());
}

class TheIndex final : public search::Index {
 public:
  explicit TheIndex(IndexOptions options) : options_(std::move(options)), folder_(options_.folder) {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) fail_with("cannot make " + folder_.string() + ": " + error.message());
    fs::permissions(folder_, fs::perms::owner_all, error);
  }

  std::unique_ptr<search::Writer> open_live() override {
    std::string name;
    std::ifstream(folder_ / "current") >> name;
    remove_others(name);
    if (!name.starts_with(database_prefix) || name.find('/') != std::string::npos) return nullptr;
    number_ = std::atoi(name.c_str() + database_prefix.size());
    auto writer = open_writer((folder_ / name).string(), writer_options());
    if (writer) become_live(folder_ / name);
    return writer;
  }

  std::unique_ptr<search::Writer> begin() override {
    const auto path = folder_ / (std::string(database_prefix) + std::to_string(++number_));
    std::error_code error;
    fs::remove_all(path, error);
    auto options = writer_options();
    options.committing = [](const auto&) {};  // nobody reads it yet
    options.committed = [] {};
    return create_writer(path.string(), std::move(options));
  }

  std::unique_ptr<search::Writer> adopt(std::unique_ptr<search::Writer> fresh) override {
    auto* made = dynamic_cast<DatabaseWriter*>(fresh.get());
    STOA_ASSERT(made != nullptr);
    const fs::path path = made->path();
    made->close();
    fresh.reset();
    for (const auto& file : fs::directory_iterator(path)) sync(file.path());
    sync(path);
    const auto name = path.filename().string();
    const auto fresh_name = folder_ / "current.new";
    std::ofstream(fresh_name) << name << '\n';
    sync(fresh_name);
    fs::rename(fresh_name, folder_ / "current");
    sync(folder_);
    auto writer = open_writer(path.string(), writer_options());
    if (!writer) fail_with("the new index cannot be opened");
    become_live(path);
    remove_others(name);
    return writer;
  }

  void discard_live() override {
    const std::lock_guard lock(mutex_);
    live_.clear();
    ++generation_;
    idle_.clear();
  }

  [[nodiscard]] bool is_live() const override {
    const std::lock_guard lock(mutex_);
    return !live_.empty();
  }

  search::Answer search(const search::Query& query) override {
    return with_searcher([&](Searcher& searcher) { return searcher.search(query); });
  }
  search::Suggestions suggest(const std::string& text, const std::vector<search::Label>& labels,
                              int limit) override {
    return with_searcher([&](Searcher& searcher) { return searcher.suggest(text, labels, limit); });
  }
  std::vector<std::string> number_fields(std::string_view prefix) override {
    return with_searcher([&](Searcher& searcher) { return searcher.number_fields(prefix); });
  }
  std::int64_t documents() override {
    return with_searcher([](Searcher& searcher) { return searcher.documents(); });
  }

 private:
  /// A searcher, and what it has seen.
  struct Lent {
    std::unique_ptr<Searcher> searcher;
    std::int64_t generation = 0;
    std::int64_t commits = 0;
  };

  struct Change {
    std::int64_t commit;  ///< its number
    std::vector<Xapian::docid> documents;
  };

  WriterOptions writer_options() {
    return {options_.fold, options_.language,
            [this](std::vector<Xapian::docid> changed) { remember(std::move(changed)); },
            [this] { ++commits_; }};
  }

  /// Before the commit: who sees it knows of it.
  void remember(std::vector<Xapian::docid> changed) {
    const std::lock_guard lock(mutex_);
    changed_documents_ += changed.size();
    changes_.push_back({commits_ + 1, std::move(changed)});
    while (changed_documents_ > changed_max) {
      changed_documents_ -= changes_.front().documents.size();
      changes_.pop_front();
    }
  }

  /// Of all commits after `commit`, that of the moment too, though it may not be seen yet: it is
  /// told of once more next time. Nothing when that is no longer known.
  std::optional<std::vector<Xapian::docid>> changed_after(std::int64_t commit) {
    const std::lock_guard lock(mutex_);
    if (changes_.empty() || changes_.front().commit > commit + 1) return std::nullopt;
    std::vector<Xapian::docid> documents;
    for (const auto& change : changes_)
      if (change.commit > commit)
        documents.insert(documents.end(), change.documents.begin(), change.documents.end());
    return documents;
  }

  void become_live(const fs::path& path) {
    const std::lock_guard lock(mutex_);
    live_ = path;
    ++generation_;
    idle_.clear();
  }

  void remove_others(const std::string& kept) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
      const auto name = entry.path().filename().string();
      if (name.starts_with(database_prefix) && name != kept) fs::remove_all(entry.path(), error);
    }
  }

  Lent borrow() {
    fs::path path;
    Lent lent;
    {
      const std::lock_guard lock(mutex_);
      if (live_.empty()) fail_with("there is no search index yet");
      if (!idle_.empty()) {
        lent = std::move(idle_.back());
        idle_.pop_back();
      }
      lent.generation = generation_;
      path = live_;
    }
    const std::int64_t commits = commits_;
    if (!lent.searcher) {
      lent.searcher = std::make_unique<Searcher>(
          Xapian::Database(path.string()),
          SearcherOptions{options_.fold, options_.language, options_.time_max});
    } else if (lent.commits != commits) {
      lent.searcher->refresh(changed_after(lent.commits));
    }
    lent.commits = commits;
    return lent;
  }

  void give_back(Lent lent) {
    const std::lock_guard lock(mutex_);
    if (lent.generation == generation_) idle_.push_back(std::move(lent));
  }

  /// A reader whose revision was overwritten while it read, or whose index was replaced, is told to
  /// begin again.
  template <class Work>
  std::invoke_result_t<const Work&, Searcher&> with_searcher(const Work& work) {
    for (int tries = 1;; ++tries) {
      try {
        auto lent = borrow();
        auto result = work(*lent.searcher);
        give_back(std::move(lent));
        return result;
      } catch (const Xapian::DatabaseCorruptError& e) {
        throw search::Damaged("Xapian: " + e.get_description());
      } catch (const Xapian::DatabaseModifiedError&) {
        if (tries == tries_max) throw search::TooSlow("the index changes faster than it is read");
      } catch (const Xapian::DatabaseOpeningError& e) {
        if (tries == tries_max) fail_with("Xapian: " + e.get_description());
      } catch (const Xapian::Error& e) {
        fail_with("Xapian: " + e.get_description());
      }
    }
  }

  IndexOptions options_;
  fs::path folder_;
  int number_ = 0;  ///< of the newest database; the writer's thread alone uses it
  std::atomic<std::int64_t> commits_{0};
  mutable std::mutex mutex_;
  fs::path live_;
  std::int64_t generation_ = 0;
  std::vector<Lent> idle_;
  std::deque<Change> changes_;  ///< of the last commits
  std::size_t changed_documents_ = 0;
};

}  // namespace

std::unique_ptr<search::Index> make_index(IndexOptions options) {
  return std::make_unique<TheIndex>(std::move(options));
}

}  // namespace stoa::xapian
