#include "main/next_version.hpp"

#include <map>
#include <string>

namespace stoa::next_version {
namespace {

/// A column more of a table that is written all the time, and a table more. By prefix.
const std::map<std::string_view, std::string_view> further_scripts{
    {"catalog_",
     "ALTER TABLE catalog_stock_level ADD COLUMN later TEXT;"
     "CREATE TABLE catalog_later(one INTEGER NOT NULL PRIMARY KEY)"},
    {"ordering_",
     "ALTER TABLE ordering_orders ADD COLUMN later TEXT;"
     "CREATE TABLE ordering_later(one INTEGER NOT NULL PRIMARY KEY)"},
    {"payment_",
     "ALTER TABLE payment_work ADD COLUMN later TEXT;"
     "CREATE TABLE payment_later(one INTEGER NOT NULL PRIMARY KEY)"},
    {"notification_",
     "ALTER TABLE notification_messages ADD COLUMN later TEXT;"
     "CREATE TABLE notification_later(one INTEGER NOT NULL PRIMARY KEY)"},
    {"agents_",
     "ALTER TABLE agents_orders ADD COLUMN later TEXT;"
     "CREATE TABLE agents_later(one INTEGER NOT NULL PRIMARY KEY)"}};

std::string with_member(std::string data) {
  const bool is_empty = data == "{}";
  if (data.starts_with('{')) data.insert(1, is_empty ? R"("later":1)" : R"("later":{"x":[1]},)");
  return data;
}

/// Whose events have a member of which this version knows nothing.
class Log final : public StoredLog {
 public:
  explicit Log(std::unique_ptr<StoredLog> own) : own_(std::move(own)) {}

  Result<std::int64_t> append(std::string_view stream, std::int64_t expected,
                              const std::vector<NewEvent>& events, const Cause& cause,
                              Timestamp now, std::vector<RecordedEvent>* recorded) override {
    std::vector<NewEvent> later;
    later.reserve(events.size());
    for (const auto& event : events) later.push_back({event.type, with_member(event.data)});
    return own_->append(stream, expected, later, cause, now, recorded);
  }
  void read_stream(std::string_view stream, std::int64_t after, const Each& each) override {
    own_->read_stream(stream, after, each);
  }
  void read_stream_backwards(std::string_view stream, const Each& each) override {
    own_->read_stream_backwards(stream, each);
  }
  void read_all(std::int64_t after, const Each& each) override { own_->read_all(after, each); }
  void read_all_backwards(const Each& each) override { own_->read_all_backwards(each); }
  std::int64_t head() override { return own_->head(); }
  [[nodiscard]] std::int64_t durable_head() const override { return own_->durable_head(); }
  [[nodiscard]] std::int64_t epoch() override { return own_->epoch(); }
  void flush(UnitOfWork& unit) override { own_->flush(unit); }
  void rolled_back() noexcept override { own_->rolled_back(); }
  void committed() noexcept override { own_->committed(); }

 private:
  std::unique_ptr<StoredLog> own_;
};

}  // namespace

sql::Migrations migrations(const sql::Migrations& own) {
  const auto further = further_scripts.find(own.prefix);
  if (further == further_scripts.end()) return own;
  auto next = own;
  next.scripts.push_back(further->second);
  next.usable_from = static_cast<std::int64_t>(own.scripts.size());
  return next;
}

/// What this version keeps to itself the next one publishes, as types that this one does not know.
Published published(std::string_view prefix, Published own) {
  const std::string type = std::string(prefix.substr(0, prefix.size() - 1)) + ".Later.v1";
  return [type, own = std::move(own)](const RecordedEvent& row) {
    auto event = own(row);
    if (event) return std::optional(NewEvent{event->type, with_member(event->data)});
    return std::optional(NewEvent{type, R"({"stream":")" + row.stream + "\"}"});
  };
}

std::unique_ptr<StoredLog> log(std::unique_ptr<StoredLog> own) {
  return std::make_unique<Log>(std::move(own));
}

}  // namespace stoa::next_version
