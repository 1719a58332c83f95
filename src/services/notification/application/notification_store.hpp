#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/mediator/readers.hpp"
#include "services/notification/application/template_book.hpp"
#include "services/notification/domain/notification.hpp"

namespace stoa::notification {

/// Notification's own tables on the writer's thread, inside its transaction.
class NotificationStore {
 public:
  virtual ~NotificationStore() = default;
  /// False when this event was told by this channel before.
  virtual bool add(const Notification& notification) = 0;
  /// The same, and nobody asks whether it was.
  virtual void put(const Notification& notification) = 0;
  virtual void save(const Notification& notification) = 0;
  virtual std::optional<Notification> find(const std::string& id) = 0;
  /// Queued, due and claimed by nobody, the longest due first.
  virtual std::vector<Notification> due(Channel channel, Timestamp now, int limit) = 0;

  virtual void make_all_due(Timestamp now) = 0;
  /// Claims that hold are moved on; gives the ids.
  virtual std::vector<std::string> renew_claims(const std::string& owner, Timestamp now,
                                                Timestamp until) = 0;
  virtual void release_claims(const std::string& owner) = 0;
  /// Those of processes that were this one before: of an owner `member/start` all `member/…` but
  /// it.
  virtual void release_claims_before(const std::string& owner) = 0;
  /// The task of this try is in the queue; nothing when another try is next by now.
  virtual void save_handed_over(const Notification& notification, Timestamp now) = 0;

  virtual std::vector<StoredTemplate> templates() = 0;
  /// Another one after every change of a template, whoever made it.
  virtual std::string templates_mark() = 0;
  /// Gives the revision: 1 for the first of its key, one more for every change.
  virtual std::int64_t put_template(const TemplateKey& key, const TemplateText& text,
                                    Timestamp now) = 0;
  virtual void remove_template(const TemplateKey& key) = 0;

  /// What the shop told last; nothing when it has no name.
  virtual std::optional<std::string> shop_name() = 0;
  virtual void save_shop_name(const std::optional<std::string>& name) = 0;
};

struct NotificationFilter {
  std::int64_t limit = 50;
  std::optional<std::string> before_id = {};  ///< newest first
  std::optional<std::string> order_id = {}, status = {}, channel = {};
};

/// How much waits on a channel.
struct Backlog {
  std::int64_t queued = 0, dead_letters = 0;
  std::optional<Timestamp> oldest_queued_at = {};
};

/// On a reader thread.
class NotificationQueries {
 public:
  virtual ~NotificationQueries() = default;
  [[nodiscard]] virtual std::vector<Notification> list(Store store,
                                                       const NotificationFilter& filter) const = 0;
  [[nodiscard]] virtual std::optional<Notification> find(Store store,
                                                         const std::string& id) const = 0;
  /// Queued and due at `due_before`, claimed by nobody at `now`, and not handed over, or before
  /// `again_before`; the longest due first.
  [[nodiscard]] virtual std::vector<Notification> to_hand_over(Store store, Channel channel,
                                                               Timestamp now, Timestamp due_before,
                                                               Timestamp again_before,
                                                               int limit) const = 0;
  [[nodiscard]] virtual Backlog backlog(Store store, Channel channel) const = 0;
  [[nodiscard]] virtual std::vector<StoredTemplate> templates(Store store) const = 0;
};

}  // namespace stoa::notification
