#include "kernel/eventlog/stored_log.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <limits>
#include <tuple>
#include <unordered_map>

#include "kernel/base/assert.hpp"
#include "kernel/base/planted.hpp"
#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"

namespace stoa {
namespace {

struct StoredCause {
  std::optional<std::string> actor, causation, correlation, traceparent;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("actor", &StoredCause::actor),
                      field("causation", &StoredCause::causation),
                      field("correlation", &StoredCause::correlation),
                      field("traceparent", &StoredCause::traceparent)};
  }
};

std::string metadata_of(const Cause& cause) {
  const auto given = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  return json::to_stored_json(StoredCause{given(cause.actor), given(cause.causation),
                                          given(cause.correlation), given(cause.traceparent)});
}

struct Statements {
  std::string insert, head, update_head, revision, stream, stream_back, all, all_back, newest;
  explicit Statements(const std::string& log) {
    const std::string columns =
        "SELECT position, stream, revision, type, data, metadata, recorded_at FROM " + log;
    insert = "INSERT INTO " + log +
             "(position, stream, revision, type, data, metadata, recorded_at, hash)"
             " VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
    head = "SELECT position, hash, recorded_at, epoch FROM " + log + "_head";
    update_head = "UPDATE " + log + "_head SET position = ?, hash = ?, recorded_at = ?";
    revision = "SELECT max(revision) FROM " + log + " WHERE stream = ?";
    stream = columns + " WHERE stream = ? AND revision > ? ORDER BY revision LIMIT ?";
    stream_back = columns + " WHERE stream = ? AND revision < ? ORDER BY revision DESC LIMIT ?";
    all = columns + " WHERE position > ? ORDER BY position LIMIT ?";
    all_back = columns + " WHERE position < ? ORDER BY position DESC LIMIT ?";
    newest = "SELECT max(position) FROM " + log;
  }
};

RecordedEvent event_of(const sql::Row& row, Timestamp recorded_at) {
  return {
      row.integer(0),           std::string(row.text(1)), row.integer(2), std::string(row.text(3)),
      std::string(row.text(4)), std::string(row.text(5)), recorded_at};
}

RecordedEvent read_event(const sql::Row& row) {
  const auto time = from_rfc3339(row.text(6));
  STOA_ASSERT(time.has_value());
  return event_of(row, *time);
}

Digest digest_of(std::string_view hex) {
  Digest digest{};
  if (hex.size() != 2 * digest.size()) return digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, digest[i], 16);
  return digest;
}

/// Gathers the damages of a log, row by row and at last its head.
class ChainWalk {
 public:
  explicit ChainWalk(ChainReport& report) : report_(report) {}

  void row(std::int64_t position, bool is_good) {
    ++report_.events;
    if (planted(Defect::gap_ignored) && position > report_.head_position + 1) {
      report_.head_position = position;
      return;
    }
    if (position != report_.head_position + 1)
      add(ChainDamage::Kind::missing, report_.head_position + 1, position - 1);
    if (!is_good) add(ChainDamage::Kind::changed, position, position);
    report_.head_position = position;
  }

  void head(std::int64_t position, std::string_view hash) {
    const bool is_empty = report_.events == 0;
    report_.ends_at_head =
        position == report_.head_position && (is_empty || hash == report_.head_hash);
    if (position < report_.head_position)
      add(ChainDamage::Kind::beyond_head, position + 1, report_.head_position);
  }

 private:
  static constexpr std::size_t damages_max = 100;

  void add(ChainDamage::Kind kind, std::int64_t from, std::int64_t to) {
    if (!report_.damaged_at && kind != ChainDamage::Kind::beyond_head) report_.damaged_at = from;
    auto& damages = report_.damages;
    if (!damages.empty() && damages.back().kind == kind && damages.back().to + 1 == from)
      damages.back().to = to;
    else if (damages.size() < damages_max)
      damages.push_back({kind, from, to});
  }

  ChainReport& report_;
};

/// What a row's hash is taken over. Lengths stand before the texts, so that no two rows give the
/// same bytes.
void add_chained(std::string& bytes, const Digest& previous, const RecordedEvent& event,
                 std::string_view recorded_at) {
  const auto add_number = [&](auto number, char end) {
    char digits[24];
    char* const last = std::to_chars(digits, digits + sizeof digits - 1, number).ptr;
    *last = end;
    bytes.append(digits, last + 1);
  };
  const auto add = [&](std::string_view text) {
    add_number(text.size(), ':');
    bytes.append(text);
  };
  if (!planted(Defect::hash_unchained))
    bytes.append(reinterpret_cast<const char*>(previous.data()), previous.size());
  add_number(event.position, ';');
  add(event.stream);
  add_number(event.revision, ';');
  add(event.type);
  add(event.data);
  add(event.metadata);
  add(recorded_at);
}

/// Streams whose revision is remembered.
constexpr std::size_t revisions_max = 4'096;

class SqlLog final : public StoredLog {
 public:
  SqlLog(sql::Connection& db, std::string_view prefix, const Crypto& crypto)
      : db_(db), sql_(std::string(prefix) + "log"), crypto_(crypto) {}

  Result<std::int64_t> append(std::string_view stream, std::int64_t expected,
                              const std::vector<NewEvent>& events, const Cause& cause,
                              Timestamp now, std::vector<RecordedEvent>* recorded) override {
    load_head();
    at_point(Point::before_append);
    const std::string name(stream);
    // A new stream needs no look where the unique index refuses a first event that is not the
    // first.
    auto revision = expected == Expected::fresh ? 0 : expected;
    const bool is_looked_for =
        expected != Expected::fresh && (expected != Expected::none || !db_.is_prompt());
    if (is_looked_for || planted(Defect::expected_revision_ignored)) {
      revision = current_revision(name);
      if (expected == Expected::exists && revision == 0) return wrong_revision(stream);
      if (expected >= 0 && expected != revision && !planted(Defect::expected_revision_ignored))
        return wrong_revision(stream);
    }
    remember(cause);
    remember(planted(Defect::recorded_at_falls) ? now : std::max(now, head_.recorded_at));
    for (const auto& event : events) {
      RecordedEvent row{next_position(), name,      revision + 1, event.type,
                        event.data,      metadata_, at_};
      const auto hash = chain(head_.hash, row);
      if (!insert(row, hash)) {
        // Only the first row can meet another revision: nothing has been appended yet.
        STOA_ASSERT(&event == &events.front());
        return wrong_revision(stream);
      }
      head_ = {row.position, hash, at_, head_.epoch};
      head_changed_ = true;
      ++revision;
      if (recorded != nullptr) recorded->push_back(std::move(row));
    }
    if (!events.empty()) keep_revision(name, revision);
    at_point(Point::after_append);
    return revision;
  }

  void prefetch_stream(std::string_view stream) override {
    db_.prefetch(sql_.stream, stream, 0, page_rows);
  }
  void prefetch_revision(std::string_view stream) override {
    if (!revisions_.contains(std::string(stream))) db_.prefetch(sql_.revision, stream);
  }

  void read_stream(std::string_view stream, std::int64_t after, const Each& each) override {
    const bool is_from_front = after == 0;
    const bool is_whole = in_pages(each, [&](const auto& take) {
      db_.query(
          sql_.stream,
          [&](const sql::Row& row) {
            const auto event = read_event(row);
            after = event.revision;
            return take(event);
          },
          stream, after, page_rows);
    });
    if (head_loaded_ && is_whole && is_from_front) keep_revision(std::string(stream), after);
  }
  void read_stream_backwards(std::string_view stream, const Each& each) override {
    auto before = std::numeric_limits<std::int64_t>::max();
    in_pages(each, [&](const auto& take) {
      db_.query(
          sql_.stream_back,
          [&](const sql::Row& row) {
            const auto event = read_event(row);
            before = event.revision;
            return take(event);
          },
          stream, before, page_rows);
    });
  }
  void read_all(std::int64_t after, const Each& each) override {
    in_pages(each, [&](const auto& take) { read_page(sql_.all, after, take); });
  }
  void read_all_backwards(const Each& each) override {
    auto before = std::numeric_limits<std::int64_t>::max();
    in_pages(each, [&](const auto& take) { read_page(sql_.all_back, before, take); });
  }
  std::int64_t head() override {
    return db_.one(sql_.newest, [](const sql::Row& row) { return row.integer(0); }).value_or(0);
  }
  std::int64_t epoch() override {
    load_head();
    return head_.epoch;
  }

  void flush(UnitOfWork&) override {
    if (!head_changed_) return;
    db_.execute(sql_.update_head, head_.position, to_hex(head_.hash),
                to_rfc3339(head_.recorded_at));
    head_changed_ = false;
  }
  void rolled_back() noexcept override {
    head_loaded_ = false;
    head_changed_ = false;
    revisions_.clear();
  }
  void committed() noexcept override {
    if (head_loaded_) durable_head_ = head_.position;
  }
  [[nodiscard]] std::int64_t durable_head() const override { return durable_head_; }

 private:
  /// A database may hold all rows of an answer in memory at once.
  static constexpr int page_rows = 512;

  /// Calls `query(take)` until there are no more rows, or `each` wants none: false then.
  template <class Query>
  static bool in_pages(const Each& each, const Query& query) {
    bool goes_on = true;
    for (int taken = page_rows; goes_on && taken == page_rows;) {
      taken = 0;
      query([&](const RecordedEvent& event) {
        ++taken;
        goes_on = each(event);
        return goes_on;
      });
    }
    return goes_on;
  }
  /// `from` moves to the last position that was read.
  template <class Take>
  void read_page(const std::string& statement, std::int64_t& from, const Take& take) {
    db_.query(
        statement,
        [&](const sql::Row& row) {
          const auto event = read_event(row);
          from = event.position;
          return take(event);
        },
        from, page_rows);
  }

  struct Head {
    std::int64_t position = 0;
    Digest hash{};
    Timestamp recorded_at;
    std::int64_t epoch = 0;
  };

  /// False when the stream has another revision than the row's predecessor.
  bool insert(const RecordedEvent& row, const Digest& hash) {
    try {
      db_.execute(sql_.insert, row.position, row.stream, row.revision, row.type, row.data,
                  row.metadata, at_text_, to_hex(hash));
    } catch (const sql::UniqueViolation&) {
      return false;
    }
    return true;
  }

  /// A sequence of the database would go on after a rollback.
  std::int64_t next_position() {
    if (!planted(Defect::position_from_sequence)) return head_.position + 1;
    return sequence_ = std::max(sequence_, head_.position) + 1;
  }

  /// The texts of the cause and the time are made once: a batch appends many events of few causes.
  void remember(const Cause& cause) {
    const auto parts = [](const Cause& of) {
      return std::tie(of.actor, of.causation, of.correlation, of.traceparent);
    };
    if (!metadata_.empty() && parts(cause) == parts(cause_)) return;
    cause_ = cause;
    metadata_ = metadata_of(cause);
  }
  void remember(Timestamp at) {
    if (!at_text_.empty() && at == at_) return;
    at_ = at;
    at_text_ = to_rfc3339(at);
  }

  Digest chain(const Digest& previous, const RecordedEvent& row) {
    bytes_.clear();
    add_chained(bytes_, previous, row, at_text_);
    return crypto_.sha256(bytes_);
  }

  /// The writer is alone: what it wrote last is what the table holds, until a rollback.
  void load_head() {
    if (head_loaded_) return;
    const auto found = db_.one(sql_.head, [](const sql::Row& row) {
      return Head{row.integer(0), digest_of(row.text(1)),
                  from_rfc3339(row.text(2)).value_or(Timestamp{}), row.integer(3)};
    });
    STOA_ASSERT(found.has_value());
    head_ = *found;
    head_loaded_ = true;
  }

  void keep_revision(const std::string& stream, std::int64_t revision) {
    if (revisions_.size() >= revisions_max) revisions_.clear();
    revisions_.insert_or_assign(stream, revision);
  }

  /// The writer is alone here too: a stream that it read or appended to is as it left it.
  std::int64_t current_revision(const std::string& stream) {
    if (const auto known = revisions_.find(stream); known != revisions_.end()) return known->second;
    return db_.one(
                  sql_.revision, [](const sql::Row& row) { return row.integer(0); }, stream)
        .value_or(0);
  }

  static std::unexpected<Error> wrong_revision(std::string_view stream) {
    return fail(ErrorKind::conflict, "wrong_revision",
                "The stream " + std::string(stream) + " has changed meanwhile.");
  }

  sql::Connection& db_;
  Statements sql_;
  const Crypto& crypto_;
  Head head_;
  std::int64_t sequence_ = 0;  ///< of a planted defect
  bool head_loaded_ = false;
  bool head_changed_ = false;
  std::unordered_map<std::string, std::int64_t>
      revisions_;  ///< of streams read or appended to lately
  Cause cause_;
  std::string metadata_;  ///< of cause_
  Timestamp at_;
  std::string at_text_;
  std::string bytes_;
  std::atomic<std::int64_t> durable_head_{0};
};

}  // namespace

std::unique_ptr<StoredLog> make_stored_log(sql::Connection& db, std::string_view prefix,
                                           const Crypto& crypto) {
  return std::make_unique<SqlLog>(db, prefix, crypto);
}

std::string log_schema(std::string_view prefix) {
  const std::string log = std::string(prefix) + "log";
  return "CREATE TABLE " + log +
         "(position INTEGER PRIMARY KEY, stream TEXT NOT NULL, revision INTEGER NOT NULL,"
         " type TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL,"
         " recorded_at TEXT NOT NULL, hash TEXT NOT NULL);"
         "CREATE UNIQUE INDEX " +
         log + "_stream ON " + log +
         "(stream, revision);"
         "CREATE TABLE " +
         log +
         "_head(one INTEGER PRIMARY KEY CHECK(one = 1), position INTEGER NOT NULL,"
         " hash TEXT NOT NULL, recorded_at TEXT NOT NULL, epoch INTEGER NOT NULL);"
         "INSERT INTO " +
         log + "_head VALUES(1, 0, '', '1970-01-01T00:00:00.000000Z', 1);";
}

ChainReport verify_chain(sql::Connection& db, std::string_view prefix, const Crypto& crypto) {
  const std::string log = std::string(prefix) + "log";
  ChainReport report;
  ChainWalk walk(report);
  Digest last{};
  const auto page =
      "SELECT position, stream, revision, type, data, metadata, recorded_at, hash FROM " + log +
      " WHERE position > ? ORDER BY position LIMIT ?";
  constexpr int page_rows = 2'000;
  std::int64_t after = std::numeric_limits<std::int64_t>::min();
  for (int rows = page_rows; rows == page_rows;) {
    rows = 0;
    db.query(
        page,
        [&](const sql::Row& row) {
          ++rows;
          const auto event = event_of(row, from_rfc3339(row.text(6)).value_or(Timestamp{}));
          after = event.position;
          const auto hash = to_hex(chain(crypto, last, event));
          walk.row(event.position,
                   hash == row.text(7) && to_rfc3339(event.recorded_at) == row.text(6));
          // What follows is judged by the hash that stands there, so that each damage is told.
          last = digest_of(row.text(7));
          report.head_hash = row.text(7);
        },
        after, page_rows);
  }
  db.query("SELECT position, hash FROM " + log + "_head",
           [&](const sql::Row& row) { walk.head(row.integer(0), row.text(1)); });
  return report;
}

Digest chain(const Crypto& crypto, const Digest& previous, const RecordedEvent& event) {
  std::string bytes;
  add_chained(bytes, previous, event, to_rfc3339(event.recorded_at));
  return crypto.sha256(bytes);
}

}  // namespace stoa
