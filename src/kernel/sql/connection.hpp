#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace stoa::sql {

/// The database could not do it (disk full, damaged, refused): nobody's input is to blame.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A unique index forbids the row. Deciders look first, so this is a lost race or a defect.
class UniqueViolation : public Failure {
 public:
  using Failure::Failure;
};

/// The row under a statement's cursor; text and blobs live until the next step.
class Row {
 public:
  virtual ~Row() = default;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual std::string_view text(int column) const = 0;
  [[nodiscard]] virtual std::string_view blob(int column) const = 0;
  [[nodiscard]] virtual bool is_null(int column) const = 0;

  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const {
    return is_null(column) ? std::nullopt : std::optional(integer(column));
  }
  [[nodiscard]] std::optional<std::string> optional_text(int column) const {
    return is_null(column) ? std::nullopt : std::optional(std::string(text(column)));
  }
};

/// Bytes that are no text.
struct Blob {
  std::string_view bytes;
};

/// A prepared statement, owned by its connection. Parameters count from 1.
class Statement : public Row {
 public:
  virtual void bind(int parameter, std::int64_t value) = 0;
  virtual void bind(int parameter, std::string_view text) = 0;  ///< must live until reset()
  virtual void bind(int parameter, Blob bytes) = 0;             ///< must live until reset()
  virtual void bind_null(int parameter) = 0;
  virtual bool step() = 0;  ///< true when a row stands ready
  virtual void reset() = 0;
  virtual void prefetch() {}  ///< See Connection::prefetch.
};

/// One connection, used by one thread at a time. A service's handle sees its own tables only.
class Connection {
 public:
  virtual ~Connection() = default;
  /// From a cache by text.
  virtual Statement& prepare(std::string_view statement) = 0;
  /// Rows changed by the last statement.
  [[nodiscard]] virtual std::int64_t changes() const = 0;
  /// Whether a statement without rows is done, or has thrown, when it returns. Elsewhere it is sent
  /// and not waited for: what it fails of is thrown by a later query, or by the commit.
  [[nodiscard]] virtual bool is_prompt() const = 0;
  /// Several statements at once, without parameters: migrations.
  virtual void run_script(std::string_view script) = 0;

  /// Runs a statement that returns no rows.
  template <class... Args>
  void execute(std::string_view statement, const Args&... args) {
    Use use(prepare(statement));
    use.bind_all(args...);
    while (use.statement.step()) {
    }
  }

  /// Says that a SELECT, which has the column of its first parameter in `WHERE column = ?`, will be
  /// asked in this transaction. Where asking takes a round trip, what is expected of one statement
  /// is asked together once the first is. Answers are the same as without.
  template <class... Args>
  void prefetch(std::string_view statement, const Args&... args) {
    if (is_prompt()) return;
    Use use(prepare(statement));
    use.bind_all(args...);
    use.statement.prefetch();
  }

  /// Calls `each(const Row&)` for every row; an `each` that returns false ends the reading.
  template <class Each, class... Args>
  void query(std::string_view statement, Each&& each, const Args&... args) {
    Use use(prepare(statement));
    use.bind_all(args...);
    while (use.statement.step()) {
      if constexpr (std::is_same_v<std::invoke_result_t<Each&, const Row&>, bool>) {
        if (!each(static_cast<const Row&>(use.statement))) return;
      } else {
        each(static_cast<const Row&>(use.statement));
      }
    }
  }

  /// `read(const Row&)` of the first row, or nothing.
  template <class Read, class... Args>
  auto one(std::string_view statement, Read&& read, const Args&... args)
      -> std::optional<std::invoke_result_t<Read&, const Row&>> {
    Use use(prepare(statement));
    use.bind_all(args...);
    if (!use.statement.step()) return std::nullopt;
    return read(static_cast<const Row&>(use.statement));
  }

 private:
  struct Use {
    explicit Use(Statement& s) : statement(s) {}
    Use(const Use&) = delete;
    ~Use() { statement.reset(); }

    template <class... Args>
    void bind_all(const Args&... args) {
      int parameter = 0;
      (bind(++parameter, args), ...);
    }
    template <class T>
    void bind(int parameter, const T& value) {
      if constexpr (std::is_same_v<T, std::nullopt_t>) {
        statement.bind_null(parameter);
      } else if constexpr (std::is_integral_v<T>) {
        statement.bind(parameter, static_cast<std::int64_t>(value));
      } else if constexpr (std::is_same_v<T, Blob>) {
        statement.bind(parameter, value);
      } else if constexpr (requires { value.has_value(); }) {
        value.has_value() ? bind(parameter, *value) : statement.bind_null(parameter);
      } else {
        statement.bind(parameter, std::string_view(value));
      }
    }
    Statement& statement;
  };
};

/// Begins and ends the write transaction; one at a time.
class Transactions {
 public:
  virtual ~Transactions() = default;
  /// False when others may have written since this one's last transaction: what is remembered of
  /// the database may be wrong then.
  virtual bool begin() = 0;
  virtual void commit() = 0;  ///< durable when it returns; throws Failure, and then nothing is kept
  virtual void rollback() noexcept = 0;
};

/// A service's schema, forward only, numbered from 1 by place: entry i brings version i to i + 1.
struct Migrations {
  std::string_view prefix;  ///< of the service's tables, as in `ordering_`
  std::vector<std::string_view> scripts;
  /// What the first `version` scripts leave, for a database without any of the tables: it needs no
  /// history, and what moves older rows may be in the words of the one database that has them.
  /// `{{now}}` becomes the time, RFC 3339.
  struct Beginning {
    std::int64_t version = 0;
    std::string_view script;
  };
  Beginning beginning = {};
  /// The oldest version whose programs may go on with what these scripts leave, beside this program
  /// or again after it; 0: none but their own. What they take away must be without use since that
  /// version, and what they add must be allowed to be missing in what it writes.
  std::int64_t usable_from = 0;
};

}  // namespace stoa::sql
