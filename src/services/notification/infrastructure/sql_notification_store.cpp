#include "services/notification/infrastructure/sql_notification_store.hpp"

#include "kernel/json/codec.hpp"

namespace stoa::notification {
namespace {

// The unique index serves the list of an order too; an event is always of one order.
constexpr std::string_view schema = R"sql(
CREATE TABLE notification_messages(
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL, event_id TEXT NOT NULL, channel TEXT NOT NULL,
  kind TEXT NOT NULL, subject_id TEXT NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL,
  first_at INTEGER NOT NULL, due_at INTEGER NOT NULL, tries INTEGER NOT NULL, settled_at INTEGER,
  code TEXT NOT NULL, detail TEXT NOT NULL, reference TEXT NOT NULL, language TEXT NOT NULL,
  template_revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX notification_messages_event
  ON notification_messages(order_id, event_id, channel);
CREATE INDEX notification_messages_due ON notification_messages(channel, due_at)
  WHERE status = 'queued';
CREATE INDEX notification_messages_dead ON notification_messages(id)
  WHERE status = 'dead_letter';
CREATE TABLE notification_templates(
  kind TEXT NOT NULL, channel TEXT NOT NULL, language TEXT NOT NULL, revision INTEGER NOT NULL,
  subject TEXT NOT NULL, text TEXT NOT NULL, html TEXT NOT NULL, removed INTEGER NOT NULL,
  changed_at INTEGER NOT NULL, PRIMARY KEY(kind, channel, language)) WITHOUT ROWID;
)sql";

constexpr std::string_view shop_schema = R"sql(
CREATE TABLE notification_shop(one INTEGER PRIMARY KEY CHECK(one = 1), name TEXT);
)sql";

constexpr std::string_view claims_schema = R"sql(
ALTER TABLE notification_messages ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
ALTER TABLE notification_messages ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE notification_messages ADD COLUMN claimed_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notification_messages ADD COLUMN handed_at INTEGER;
)sql";

constexpr std::string_view columns =
    "id, order_id, event_id, channel, kind, subject_id, status, created_at, first_at, due_at,"
    " tries, settled_at, code, detail, reference, language, template_revision, traceparent,"
    " claimed_by, claimed_until, handed_at";

template <class E>
E named(std::string_view name) {
  const auto value = json::from_name<E>(name);
  STOA_ASSERT(value.has_value());
  return *value;
}

Notification read_notification(const sql::Row& row) {
  Notification one;
  one.id = row.text(0);
  one.order_id = row.text(1);
  one.event_id = row.text(2);
  one.channel = named<Channel>(row.text(3));
  one.kind = named<Kind>(row.text(4));
  one.subject_id = row.text(5);
  one.status = named<Status>(row.text(6));
  one.created_at = from_unix_microseconds(row.integer(7));
  one.first_at = from_unix_microseconds(row.integer(8));
  one.due_at = from_unix_microseconds(row.integer(9));
  one.tries = row.integer(10);
  if (const auto at = row.optional_integer(11)) one.settled_at = from_unix_microseconds(*at);
  one.code = row.text(12);
  one.detail = row.text(13);
  one.reference = row.text(14);
  one.language = row.text(15);
  one.template_revision = row.integer(16);
  one.traceparent = row.text(17);
  one.claimed_by = row.text(18);
  one.claimed_until = from_unix_microseconds(row.integer(19));
  if (const auto at = row.optional_integer(20)) one.handed_at = from_unix_microseconds(*at);
  return one;
}

std::optional<std::int64_t> in_microseconds(const std::optional<Timestamp>& time) {
  return time ? std::optional(to_unix_microseconds(*time)) : std::nullopt;
}

std::string select(std::string_view rest) {
  return std::string("SELECT ").append(columns).append(" FROM notification_messages ").append(rest);
}

std::vector<StoredTemplate> read_templates(sql::Connection& db) {
  std::vector<StoredTemplate> all;
  db.query(
      "SELECT kind, channel, language, revision, subject, text, html FROM notification_templates"
      " WHERE removed = 0",
      [&](const sql::Row& row) {
        all.push_back(
            {{named<Kind>(row.text(0)), named<Channel>(row.text(1)), std::string(row.text(2))},
             row.integer(3),
             {std::string(row.text(4)), std::string(row.text(5)), std::string(row.text(6))}});
      });
  return all;
}

class SqlNotificationStore final : public NotificationStore {
 public:
  explicit SqlNotificationStore(sql::Connection& db) : db_(db) {}

  bool add(const Notification& one) override {
    put(one);
    return db_.changes() > 0;
  }
  void put(const Notification& one) override {
    db_.execute(
        "INSERT INTO notification_messages(id, order_id, event_id, channel, kind, subject_id,"
        " status, created_at, first_at, due_at, tries, code, detail, reference, language,"
        " template_revision, traceparent)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8, 0, '', '', '', '', 0, ?9)"
        " ON CONFLICT(order_id, event_id, channel) DO NOTHING",
        one.id, one.order_id, one.event_id, json::name_of(one.channel), json::name_of(one.kind),
        one.subject_id, json::name_of(one.status), to_unix_microseconds(one.created_at),
        one.traceparent);
  }
  void save(const Notification& one) override {
    db_.execute(
        "UPDATE notification_messages SET status = ?2, first_at = ?3, due_at = ?4, tries = ?5,"
        " settled_at = ?6, code = ?7, detail = ?8, reference = ?9, language = ?10,"
        " template_revision = ?11, claimed_by = ?12, claimed_until = ?13, handed_at = ?14"
        " WHERE id = ?1",
        one.id, json::name_of(one.status), to_unix_microseconds(one.first_at),
        to_unix_microseconds(one.due_at), one.tries, in_microseconds(one.settled_at), one.code,
        one.detail, one.reference, one.language, one.template_revision, one.claimed_by,
        to_unix_microseconds(one.claimed_until), in_microseconds(one.handed_at));
  }
  std::optional<Notification> find(const std::string& id) override {
    return db_.one(select("WHERE id = ?"), read_notification, id);
  }
  std::vector<Notification> due(Channel channel, Timestamp now, int limit) override {
    std::vector<Notification> due;
    db_.query(
        select("WHERE status = 'queued' AND channel = ?1 AND due_at <= ?2 AND claimed_until <= ?2"
               " ORDER BY due_at LIMIT ?3"),
        [&](const sql::Row& row) { due.push_back(read_notification(row)); }, json::name_of(channel),
        to_unix_microseconds(now), limit);
    return due;
  }

  void make_all_due(Timestamp now) override {
    db_.execute(
        "UPDATE notification_messages SET due_at = ?1 WHERE status = 'queued' AND due_at > ?1",
        to_unix_microseconds(now));
  }
  std::vector<std::string> renew_claims(const std::string& owner, Timestamp now,
                                        Timestamp until) override {
    std::vector<std::string> renewed;
    db_.query(
        "UPDATE notification_messages SET claimed_until = ? WHERE status = 'queued'"
        " AND claimed_by = ? AND claimed_until > ? RETURNING id",
        [&](const sql::Row& row) { renewed.emplace_back(row.text(0)); },
        to_unix_microseconds(until), owner, to_unix_microseconds(now));
    return renewed;
  }
  void release_claims(const std::string& owner) override {
    db_.execute(
        "UPDATE notification_messages SET claimed_by = '', claimed_until = 0"
        " WHERE status = 'queued' AND claimed_by = ?",
        owner);
  }
  void release_claims_before(const std::string& owner) override {
    const auto member = owner.substr(0, owner.rfind('/'));
    db_.execute(
        "UPDATE notification_messages SET claimed_by = '', claimed_until = 0"
        " WHERE status = 'queued' AND claimed_by > ?1 AND claimed_by < ?2 AND claimed_by <> ?3",
        member + "/", member + "0", owner);  // the next character
  }
  void save_handed_over(const Notification& one, Timestamp now) override {
    db_.execute(
        "UPDATE notification_messages SET handed_at = ?3 WHERE id = ?1 AND status = 'queued'"
        " AND due_at = ?2",
        one.id, to_unix_microseconds(one.due_at), to_unix_microseconds(now));
  }

  std::vector<StoredTemplate> templates() override { return read_templates(db_); }
  std::string templates_mark() override {
    // Revisions only rise, and between two rises templates are only removed.
    return db_
        .one(
            "SELECT coalesce(sum(revision), 0), coalesce(sum(removed), 0)"
            " FROM notification_templates",
            [](const sql::Row& row) {
              return std::to_string(row.integer(0)) + "/" + std::to_string(row.integer(1));
            })
        .value_or("");
  }
  std::int64_t put_template(const TemplateKey& key, const TemplateText& text,
                            Timestamp now) override {
    const auto revision = db_.one(
        "INSERT INTO notification_templates AS t VALUES(?, ?, ?, 1, ?, ?, ?, 0, ?)"
        " ON CONFLICT(kind, channel, language) DO UPDATE SET revision = t.revision + CASE WHEN"
        " t.removed = 1 OR t.subject <> excluded.subject OR t.text <> excluded.text"
        " OR t.html <> excluded.html THEN 1 ELSE 0 END,"
        " subject = excluded.subject, text = excluded.text, html = excluded.html, removed = 0,"
        " changed_at = excluded.changed_at RETURNING revision",
        [](const sql::Row& row) { return row.integer(0); }, json::name_of(key.kind),
        json::name_of(key.channel), key.language, text.subject, text.text, text.html,
        to_unix_microseconds(now));
    return revision.value_or(0);
  }
  void remove_template(const TemplateKey& key) override {
    db_.execute(
        "UPDATE notification_templates SET removed = 1, subject = '', text = '', html = ''"
        " WHERE kind = ? AND channel = ? AND language = ?",
        json::name_of(key.kind), json::name_of(key.channel), key.language);
  }

  std::optional<std::string> shop_name() override {
    const auto stored = db_.one("SELECT name FROM notification_shop",
                                [](const sql::Row& row) { return row.optional_text(0); });
    return stored.value_or(std::nullopt);
  }
  void save_shop_name(const std::optional<std::string>& name) override {
    db_.execute(
        "INSERT INTO notification_shop VALUES(1, ?)"
        " ON CONFLICT(one) DO UPDATE SET name = excluded.name",
        name);
  }

 private:
  sql::Connection& db_;
};

class SqlNotificationQueries final : public NotificationQueries {
 public:
  [[nodiscard]] std::vector<Notification> list(Store store,
                                               const NotificationFilter& filter) const override {
    std::string where = "WHERE id < ?1";  // '~' sorts behind every id
    if (filter.order_id) where += " AND order_id = ?2";
    // Written out, so that the partial indexes serve what an operator looks for.
    if (filter.status) {
      where += filter.status == "dead_letter" ? " AND status = 'dead_letter'"
               : filter.status == "queued"    ? " AND status = 'queued'"
                                              : " AND status = ?3";
    }
    if (filter.channel) where += " AND channel = ?4";
    std::vector<Notification> rows;
    store.db.query(
        select(where + " ORDER BY id DESC LIMIT ?5"),
        [&](const sql::Row& row) { rows.push_back(read_notification(row)); },
        filter.before_id.value_or("~"), filter.order_id, filter.status, filter.channel,
        filter.limit);
    return rows;
  }
  [[nodiscard]] std::optional<Notification> find(Store store,
                                                 const std::string& id) const override {
    return store.db.one(select("WHERE id = ?"), read_notification, id);
  }
  [[nodiscard]] std::vector<Notification> to_hand_over(Store store, Channel channel, Timestamp now,
                                                       Timestamp due_before, Timestamp again_before,
                                                       int limit) const override {
    std::vector<Notification> found;
    store.db.query(
        select("WHERE status = 'queued' AND channel = ? AND due_at <= ? AND claimed_until <= ?"
               " AND coalesce(handed_at, 0) <= ? ORDER BY due_at LIMIT ?"),
        [&](const sql::Row& row) { found.push_back(read_notification(row)); },
        json::name_of(channel), to_unix_microseconds(due_before), to_unix_microseconds(now),
        to_unix_microseconds(again_before), limit);
    return found;
  }
  [[nodiscard]] Backlog backlog(Store store, Channel channel) const override {
    const auto count = [&](std::string_view condition) {
      return store.db
          .one(
              "SELECT count(*) FROM notification_messages WHERE " + std::string(condition) +
                  " AND channel = ?",
              [](const sql::Row& row) { return row.integer(0); }, json::name_of(channel))
          .value_or(0);
    };
    Backlog backlog{count("status = 'queued'"), count("status = 'dead_letter'"), {}};
    const auto oldest = store.db.one(
        "SELECT min(first_at) FROM notification_messages WHERE status = 'queued' AND channel = ?",
        [](const sql::Row& row) { return row.optional_integer(0); }, json::name_of(channel));
    if (oldest && *oldest) backlog.oldest_queued_at = from_unix_microseconds(**oldest);
    return backlog;
  }
  [[nodiscard]] std::vector<StoredTemplate> templates(Store store) const override {
    return read_templates(store.db);
  }
};

}  // namespace

std::unique_ptr<NotificationStore> make_sql_notification_store(sql::Connection& db) {
  return std::make_unique<SqlNotificationStore>(db);
}

std::unique_ptr<NotificationQueries> make_sql_notification_queries() {
  return std::make_unique<SqlNotificationQueries>();
}

sql::Migrations migrations() { return {"notification_", {schema, shop_schema, claims_schema}}; }

}  // namespace stoa::notification
