#include "platform/postgres/database.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/base/planted.hpp"
#include "platform/postgres/dialect.hpp"
#include "platform/postgres/link.hpp"
#include "platform/postgres/prefetch.hpp"
#include "platform/postgres/row_group.hpp"

namespace stoa::postgres {
namespace {

/// Whoever is stopped while it holds the writers' lock loses it after so long. Statements are
/// planned when their tables are young, and every one of them has its index: with enable_seqscan a
/// table of no rows is sorted whole, and still is when it has a million.
constexpr std::string_view session_settings =
    "SET idle_in_transaction_session_timeout = '10s'; SET jit = off; SET client_encoding = 'UTF8';"
    "SET enable_seqscan = off;"
    "SET synchronous_commit = on; SET bytea_output = 'hex'";

/// Row 1 is the writers' lock, with the number of the last transaction that was committed; each
/// writer's own row has the number of its own last one.
std::string writer_table(const std::string& name, std::int64_t writer) {
  return "SELECT pg_advisory_xact_lock(7824117);"  // until the script, a transaction, is committed
         "CREATE TABLE IF NOT EXISTS " +
         name + "(one bigint PRIMARY KEY, number bigint NOT NULL);" + "INSERT INTO " + name +
         " VALUES(1, 0), (" + std::to_string(writer) + ", 0) ON CONFLICT DO NOTHING";
}

using Integer = std::array<char, 8>;

/// As PostgreSQL sends and takes it.
Integer binary(std::int64_t value) {
  Integer bytes{};
  auto rest = static_cast<std::uint64_t>(value);
  for (std::size_t byte = bytes.size(); byte-- > 0; rest >>= 8U)
    bytes[byte] = static_cast<char>(rest & 0xFFU);
  return bytes;
}

/// By chance: beyond 1, and no other writer's.
std::int64_t new_writer() {
  std::random_device source;
  std::uniform_int_distribution<std::int64_t> numbers(2, std::numeric_limits<std::int64_t>::max());
  return numbers(source);
}

std::int64_t number_of(std::string_view text) {
  if (text == "t") return 1;
  std::int64_t number = 0;  // of a numeric what stands before the point
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string_view field(const PGresult* result, int row, int column) {
  return {PQgetvalue(result, row, column),
          static_cast<std::size_t>(PQgetlength(result, row, column))};
}

/// The connection of all handles and statements of one database.
class Session {
 public:
  Session(Options options, Database::Mode mode) : options_(std::move(options)), mode_(mode) {}

  void send(const Translated& statement, const std::vector<Value>& values) {
    last_write_ = nullptr;
    has_written_ = has_written_ || statement.may_write;
    if (is_open_ && can_gather(statement, values)) {
      prefetch_.wrote(*statement.write, values);
      return gather(statement.write, values);
    }
    if (statement.may_write) prefetch_.wrote(statement.written);
    send_rows_of(statement);
    send_words(statement.text, values);
  }
  void send_rows() {
    send_rows([](const RowWrite&) { return true; });
  }
  void prefetch(const Translated& statement, const std::vector<Value>& values) {
    if (is_open_) prefetch_.expect(statement, values);
  }
  /// Of a question that was expected.
  std::optional<Prefetch::Answer> prefetched(const Translated& statement,
                                             const std::vector<Value>& values) {
    if (!is_open_ || prefetch_.is_empty()) return std::nullopt;
    return prefetch_.answer(statement, values,
                            [&](const std::string& words, const std::vector<Value>& arrays) {
                              last_write_ = nullptr;
                              send_rows_of(statement);
                              send_words(words, arrays);
                              return wait();
                            });
  }
  Result wait() {
    try {
      auto last = link().wait();
      changes_ = last ? number_of(PQcmdTuples(last.get())) : 0;
      return last;
    } catch (const sql::Failure&) {
      has_failed_ = true;
      throw;
    }
  }
  /// Rows changed by the last statement.
  std::int64_t changes() {
    if (last_write_ != nullptr) {
      for (auto& group : groups_)
        if (&group.write() == last_write_) group.send_last_apart(sends_);
      last_write_ = nullptr;
    }
    if (!link().is_idle()) wait();
    return changes_;
  }
  [[nodiscard]] bool is_open() const { return is_open_; }
  void run(std::string_view script) {
    send_rows();
    prefetch_.wrote("");
    send_begin();
    has_written_ = true;
    link().run_script(std::string(script));
  }

  /// Whoever then asks nothing costs the server nothing.
  void begin(const std::string& how) {
    connect();
    if (groups_.size() > groups_max) groups_.clear();
    begin_ = how;
    is_open_ = true;
    has_failed_ = false;
    has_written_ = false;
  }
  void send_words(const std::string& words, const std::vector<Value>& values = {}) {
    send_begin();
    link().send(words, values);
    ++statements_;
  }
  /// Waits only when something failed, or may have.
  void rollback() noexcept {
    groups_.clear();
    prefetch_.clear();
    const bool has_begun = std::exchange(begin_, {}).empty();
    if (!std::exchange(is_open_, false) || !link_ || !has_begun) return;
    try {
      if (has_failed_ || !link_->is_idle()) settle();
      link_->send("ROLLBACK", {});
      link_->flush();
    } catch (const sql::Failure&) {
      link_.reset();  // and the server takes back what was open
    }
  }
  void committed() {
    prefetch_.clear();
    is_open_ = false;
  }
  /// By itself, for a NOTIFY within makes all commits of a server wait for each other. Whoever
  /// misses it looks by and by.
  void tell_commit() noexcept {
    try {
      send_words(notify_);
      link_->part();
    } catch (const sql::Failure&) {
      drop();
    }
  }
  void drop() {
    groups_.clear();
    prefetch_.clear();
    begin_.clear();
    link_.reset();
    is_open_ = false;
  }

  void connect() {
    if (link_ && (is_open_ ? !link_->is_lost() : link_->is_alive())) return;
    link_.reset();
    link_.emplace(Link::Options{options_.conninfo, options_.answer_timeout});
    link_->run_script(std::string(session_settings));
    if (mode_ != Database::Mode::writer || has_table_) return;
    link_->run_script(writer_table(options_.turns, writer_));
    has_table_ = true;
  }

  [[nodiscard]] bool has_written() const { return has_written_; }  ///< in this transaction
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] std::int64_t writer() const { return writer_; }
  [[nodiscard]] std::int64_t statements() const { return statements_; }

 private:
  static constexpr std::size_t groups_max = 64;

  static bool can_gather(const Translated& statement, const std::vector<Value>& values) {
    if (!statement.write || !statement.write->is_removal) return statement.write != nullptr;
    // Nothing equals an absent value.
    return std::ranges::all_of(values, [](const Value& value) { return value.bytes.has_value(); });
  }
  void send_begin() {
    if (!begin_.empty()) send_words(std::exchange(begin_, {}));
  }
  /// The row waits for others that go with it, until something else is said of its table.
  void gather(const std::shared_ptr<const RowWrite>& write, const std::vector<Value>& row) {
    send_rows([&](const RowWrite& waiting) {
      return &waiting != write.get() && waiting.table == write->table;
    });
    auto group =
        std::ranges::find(groups_, write.get(), [](const RowGroup& one) { return &one.write(); });
    if (group == groups_.end()) group = groups_.emplace(group, write);
    if (!group->add(row)) {
      group->send(sends_);
      group->add(row);
    }
    last_write_ = write.get();
  }
  template <class Which>
  void send_rows(Which&& which) {
    for (auto& group : groups_)
      if (which(group.write())) group.send(sends_);
  }
  void send_rows_of(const Translated& statement) {
    send_rows([&](const RowWrite& waiting) {
      return std::ranges::binary_search(statement.names, waiting.table);
    });
  }

  /// What failed of what was sent is known by now.
  void settle() {
    try {
      link_->wait();
    } catch (const ConnectionLost&) {
      throw;
    } catch (const sql::Failure&) {
      has_failed_ = false;
    }
  }

  Link& link() {
    if (is_open_ && (!link_ || link_->is_lost()))
      throw ConnectionLost("PostgreSQL: the connection broke within a transaction");
    connect();
    return *link_;
  }

  const std::string notify_ = "NOTIFY " + std::string(commits_channel);
  Options options_;
  Database::Mode mode_;
  std::int64_t writer_ = new_writer();
  std::optional<Link> link_;
  std::vector<RowGroup> groups_;          ///< with rows of this transaction, or none
  const RowWrite* last_write_ = nullptr;  ///< when nothing was said since
  Prefetch prefetch_;
  std::function<void(const std::string&, const std::vector<Value>&)> sends_ =
      [this](const std::string& words, const std::vector<Value>& values) {
        send_words(words, values);
      };
  std::int64_t changes_ = 0;
  std::string begin_;     ///< of a transaction that nothing was asked in yet
  bool is_open_ = false;  // a transaction
  bool has_failed_ = false;
  bool has_written_ = false;
  bool has_table_ = false;
  std::atomic<std::int64_t> statements_ = 0;
};

class PostgresStatement final : public sql::Statement {
 public:
  PostgresStatement(Session& session, std::string_view text)
      : session_(session), statement_(translate(text)), bound_(statement_.is_untyped.size()) {}

  void bind(int parameter, std::int64_t value) override {
    auto& bound = at(parameter);
    bound.number = binary(value);
    bound.value = {type_integer, std::string_view(bound.number.data(), bound.number.size())};
  }
  void bind(int parameter, std::string_view text) override {
    at(parameter).value = {type_text, given(text)};
  }
  void bind(int parameter, sql::Blob blob) override {
    at(parameter).value = {type_bytes, given(blob.bytes)};
  }
  void bind_null(int parameter) override {
    const bool untyped = statement_.is_untyped[static_cast<std::size_t>(parameter) - 1];
    at(parameter).value = {untyped ? type_text : 0, std::nullopt};
  }

  bool step() override {
    if (!has_run_) {
      run();
    } else {
      ++row_;
    }
    blobs_.clear();
    return row_ < end_;
  }
  void prefetch() override { session_.prefetch(statement_, values()); }
  void reset() override {
    result_.reset();
    has_run_ = false;
    for (auto& bound : bound_) bound.value = {};
  }

  [[nodiscard]] std::int64_t integer(int column) const override {
    return is_null(column) ? 0 : number_of(text(column));
  }
  [[nodiscard]] std::string_view text(int column) const override {
    return field(result_.get(), row_, column);
  }
  [[nodiscard]] std::string_view blob(int column) const override {
    if (is_null(column)) return {};
    std::size_t size = 0;
    const auto* const escaped =
        reinterpret_cast<const unsigned char*>(PQgetvalue(result_.get(), row_, column));
    const std::unique_ptr<unsigned char, void (*)(void*)> bytes(PQunescapeBytea(escaped, &size),
                                                                PQfreemem);
    return blobs_.emplace_back(reinterpret_cast<const char*>(bytes.get()), size);
  }
  [[nodiscard]] bool is_null(int column) const override {
    return PQgetisnull(result_.get(), row_, column) == 1;
  }

 private:
  struct Bound {
    Value value;
    Integer number{};
  };

  /// A null pointer would be an absent value: an empty text is a text.
  static std::string_view given(std::string_view bytes) {
    return bytes.data() == nullptr ? std::string_view("") : bytes;
  }

  Bound& at(int parameter) { return bound_.at(static_cast<std::size_t>(parameter) - 1); }

  [[nodiscard]] std::vector<Value> values() const {
    std::vector<Value> values;
    values.reserve(bound_.size());
    for (const auto& bound : bound_) values.push_back(bound.value);
    return values;
  }

  void run() {
    const auto given = values();
    has_run_ = true;
    row_ = end_ = 0;
    if (!statement_.may_write) {
      if (auto known = session_.prefetched(statement_, given)) {
        result_ = std::move(known->result);
        row_ = known->first;
        end_ = row_ + known->rows;
        return;
      }
    }
    session_.send(statement_, given);
    // Without a transaction a statement is one, which ends here.
    if (statement_.returns_rows || !session_.is_open()) result_ = session_.wait();
    if (result_) end_ = PQntuples(result_.get());
  }

  Session& session_;
  Translated statement_;
  std::vector<Bound> bound_;
  std::shared_ptr<PGresult> result_;
  mutable std::deque<std::string> blobs_;  // of the present row
  int row_ = 0, end_ = 0;
  bool has_run_ = false;
};

class Handle final : public sql::Connection {
 public:
  explicit Handle(Session& session) : session_(session) {}

  sql::Statement& prepare(std::string_view text) override {
    const auto known = statements_.find(text);
    if (known != statements_.end()) return *known->second;
    if (statements_.size() >= statements_max) statements_.clear();
    return *statements_.emplace(text, std::make_unique<PostgresStatement>(session_, text))
                .first->second;
  }
  [[nodiscard]] std::int64_t changes() const override { return session_.changes(); }
  [[nodiscard]] bool is_prompt() const override { return false; }
  void run_script(std::string_view script) override { session_.run(translate_script(script)); }

 private:
  static constexpr std::size_t statements_max = 512;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  Session& session_;
  std::unordered_map<std::string, std::unique_ptr<PostgresStatement>, TextHash, std::equal_to<>>
      statements_;
};

class Reader final : public Database {
 public:
  explicit Reader(Options options) : session_(std::move(options), Mode::reader) {}

  std::unique_ptr<sql::Connection> handle(std::string_view) override {
    return std::make_unique<Handle>(session_);
  }
  bool begin() override {
    session_.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return false;  // others write, and it never knows
  }
  void commit() override { session_.rollback(); }
  void rollback() noexcept override { session_.rollback(); }
  [[nodiscard]] std::int64_t statements() const override { return session_.statements(); }

 private:
  Session session_;
};

class Writer final : public Database {
 public:
  explicit Writer(Options options)
      : lock_("SELECT number FROM " + options.turns + " WHERE one = 1 FOR UPDATE"),
        own_("SELECT number FROM " + options.turns + " WHERE one = "),
        release_("UPDATE " + options.turns + " SET number = $1 WHERE one IN (1, "),
        session_(std::move(options), Mode::writer) {
    const auto writer = std::to_string(session_.writer());
    own_ += writer;
    release_ += writer + ")";
  }

  std::unique_ptr<sql::Connection> handle(std::string_view) override {
    return std::make_unique<Handle>(session_);
  }

  bool begin() override {
    session_.begin("BEGIN");
    if (planted(Defect::no_fence)) return true;
    const auto number = ask(lock_);
    const bool is_alone = number == number_;
    number_ = number;
    return is_alone;
  }

  void commit() override {
    // An idle service's timers find nothing to do, some times a second.
    if (!session_.has_written()) return session_.rollback();
    const auto next = binary(number_ + 1);
    session_.send_rows();
    session_.send_words(release_, {{type_integer, std::string_view(next.data(), next.size())}});
    session_.send_words("COMMIT");
    try {
      session_.wait();
    } catch (const ConnectionLost&) {
      session_.drop();
      if (!resolve() && !planted(Defect::unanswered_commit_is_done)) throw;
    } catch (const sql::Failure&) {
      session_.rollback();
      throw;
    }
    session_.committed();
    ++number_;
    session_.tell_commit();
  }

  void rollback() noexcept override { session_.rollback(); }
  [[nodiscard]] std::int64_t statements() const override { return session_.statements(); }

 private:
  std::int64_t ask(const std::string& words) {
    session_.send_words(words);
    const auto row = session_.wait();
    return number_of(field(row.get(), 0, 0));
  }

  /// Whether the transaction whose COMMIT was not answered was committed: then this writer's row
  /// has its number. PostgreSQL's own name of a transaction would not do: one that was lost in a
  /// crash may leave its name to another. While the server does not tell, nobody can know: false
  /// then, and who sends the command again finds its key or not.
  bool resolve() {
    constexpr std::chrono::milliseconds pause{50};
    const auto end = std::chrono::steady_clock::now() + session_.options().resolve_timeout;
    do {
      try {
        session_.begin("BEGIN");
        ask(lock_);  // the lost one holds it until its end
        const bool is_committed = ask(own_) == number_ + 1;
        session_.rollback();
        return is_committed;
      } catch (const sql::Failure&) {
        session_.drop();
      }
      std::this_thread::sleep_for(pause);
    } while (std::chrono::steady_clock::now() < end);
    number_ = -1;
    return false;
  }

  std::string lock_, own_, release_;
  Session session_;
  std::int64_t number_ = -1;  // of the last transaction that this one saw, its own or another's
};

}  // namespace

std::unique_ptr<Database> open(Options options, Database::Mode mode) {
  if (mode == Database::Mode::writer) return std::make_unique<Writer>(std::move(options));
  return std::make_unique<Reader>(std::move(options));
}

}  // namespace stoa::postgres
