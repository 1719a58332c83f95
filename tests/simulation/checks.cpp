#include "simulation/checks.hpp"

#include <algorithm>
#include <set>

#include "kernel/eventlog/stored_log.hpp"
#include "main/audit.hpp"
#include "platform/sqlite/database.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/notification/domain/notification.hpp"
#include "services/ordering/application/orders.hpp"
#include "services/payment/application/payments.hpp"

namespace stoa::simulation {
namespace {

using ordering::Order;
using ordering::OrderStatus;

class Checks {
 public:
  Checks(World& world, SimulatedShop& shop, const Clients& clients, const Provider& provider,
         const Post& post, const Crypto& crypto, Transitions& transitions)
      : world_(world),
        shop_(shop),
        db_(shop.everything()),
        clients_(clients),
        provider_(provider),
        post_(post),
        crypto_(crypto),
        transitions_(transitions) {}

  void run() {
    audit_it();
    shop_.check_bus();
    fold_orders();
    check_wishes();
    check_payments();
    simulation::check_stock(world_, shop_, clients_, crypto_);
    check_messages();
    check_templates();
  }

 private:
  void find(std::string what) { world_.found(std::move(what)); }

  void audit_it() {
    const auto ledger = sqlite::open(":memory:", sqlite::Database::Mode::writer);
    const auto books = ledger->handle("");
    books->run_script(
        "CREATE TABLE sim_ledger(seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
        " payment_id TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,"
        " currency TEXT NOT NULL, code TEXT NOT NULL, at INTEGER NOT NULL)");
    provider_.write_ledger(*books);
    // The audit judges the ledger up to Payment's newest event; at rest there is no later one.
    books->run_script("UPDATE sim_ledger SET at = 0");
    for (const auto& finding : audit(db_, *books, crypto_).findings) find("audit: " + finding);
  }

  void fold_orders() {
    const auto log = make_stored_log(db_, "ordering_", crypto_);
    log->read_all(0, [&](const RecordedEvent& row) {
      auto& order = orders_[row.stream.substr(ordering::stream_prefix.size())];
      const auto event = decode_event<ordering::OrderEvent>(row.type, row.data);
      if (order.exists())
        ++transitions_[std::string(json::name_of(order.status)) + "/" +
                       std::string(json::name_of(order.stage)) + " " + row.type];
      else
        ++transitions_["order begins"];
      evolve(order, event, row.recorded_at);
      if (const auto* assessed = std::get_if<ordering::OrderAssessed>(&event))
        if (assessed->payment && assessed->payment->amount != order.placed.total)
          find("I4: order " + order.placed.order_id + " asks for other money than it costs");
      if (std::holds_alternative<ordering::OrderConfirmed>(event))
        confirmed_.insert(order.placed.order_id);
      return true;
    });
    for (const auto& [id, order] : orders_) {
      const auto key = order.placed.metadata.find("key");
      if (key == order.placed.metadata.end()) {
        find("order " + id + " was placed by nobody");
        continue;
      }
      if (!numbers_.insert(order.placed.shown_number()).second)
        find("two orders have the number " + order.placed.shown_number());
      if (!by_key_.emplace(key->second, &order).second)
        find("I2: one key, two orders: " + key->second);
      if (order.status == OrderStatus::placed || order.stage != ordering::Stage::done)
        find("I8: order " + id + " has not ended");
    }
  }

  [[nodiscard]] const Order* order_of(const std::string& id) const {
    const auto at = orders_.find(id);
    return at == orders_.end() ? nullptr : &at->second;
  }

  void check_wishes() {
    std::set<std::string> asked;
    for (const auto& wish : clients_.wishes()) {
      if (wish->deed == Deed::place) asked.insert(wish->key);
      check_wish(*wish);
    }
    for (const auto& [key, order] : by_key_)
      if (!asked.contains(key)) find("order " + order->placed.order_id + " was never asked for");
  }

  void check_wish(const Wish& wish) {
    if (wish.deed == Deed::place) return check_placed(wish);
    if (wish.order_id.empty()) return;
    const auto* order = order_of(wish.order_id);
    if (order == nullptr) return;  // told by its own wish
    const bool acknowledged = is_acknowledged(wish);
    const auto once = [&](auto count, const char* what) {
      if (count > 1) find(wish.key + " made more than one " + what + " of " + wish.order_id);
      if (acknowledged && count == 0)
        find("I1: the acknowledged " + std::string(what) + " of " + wish.key + " is lost");
      if (is_refused_for_good(world_, wish) && count > 0)
        find("the refused " + std::string(what) + " of " + wish.key + " was done");
    };
    switch (wish.deed) {
      case Deed::cancel:
        if (acknowledged && order->status != OrderStatus::cancelled)
          find("I1: the acknowledged cancellation of " + wish.order_id + " is lost");
        return;
      case Deed::capture:
        if (acknowledged && !order->capture_requested && order->captured.is_zero())
          find("I1: the acknowledged capture of " + wish.order_id + " is lost");
        return;
      case Deed::fulfil:
        return once(std::ranges::count_if(order->fulfilments,
                                          [&](const ordering::Fulfilment& one) {
                                            return one.record.tracking_number == wish.key;
                                          }),
                    "fulfilment");
      case Deed::give_back:
        return once(std::ranges::count_if(
                        order->returns,
                        [&](const ordering::Return& one) { return one.record.reason == wish.key; }),
                    "return");
      case Deed::refund:
        return once(std::ranges::count_if(
                        order->refunds,
                        [&](const ordering::Refund& one) { return one.reason == wish.key; }),
                    "refund");
      default:
        return;
    }
  }

  void check_placed(const Wish& wish) {
    const auto at = by_key_.find(wish.key);
    if (!is_acknowledged(wish)) return;
    if (at == by_key_.end()) return find("I1: the acknowledged order of " + wish.key + " is lost");
    const auto& order = *at->second;
    if (order.placed.order_id != wish.order_id)
      find("I2: " + wish.key + " was told of another order than it has");
    std::int64_t total = 0;
    bool is_same = order.lines.size() == wish.lines.size();
    for (std::size_t line = 0; is_same && line < wish.lines.size(); ++line) {
      const auto& sold = order.lines[line].sold;
      const auto price = sold.unit_price.amount();
      is_same = sold.sku == wish.lines[line].sku &&
                sold.quantity.count() == wish.lines[line].quantity &&
                (price == wish.lines[line].price || clients_.may_cost(sold.sku, price));
      total += sold.quantity.count() * price;
    }
    if (!is_same || order.placed.total.amount() != total)
      find("I4: order " + wish.order_id + " is not what " + wish.key + " asked for");
  }

  void check_event(const payment::Payment& one, const payment::PaymentEvent& event) {
    const auto* captured = std::get_if<payment::PaymentCaptured>(&event);
    if (captured != nullptr && captured->expected && captured->amount != one.request.amount)
      find("I4: payment " + one.id + " took other money than was asked, and says it is right");
    const auto* failed = std::get_if<payment::RefundFailed>(&event);
    if (failed != nullptr && failed->code == "refund_exceeds_captured")
      find("I4: a refund that Ordering accepted is more than payment " + one.id + " has left");
  }

  /// I2, I4, I7: each payment against its order, its row and the provider's own books.
  void check_payments() {
    std::map<std::string, payment::Payment> payments;
    const auto log = make_stored_log(db_, "payment_", crypto_);
    log->read_all(0, [&](const RecordedEvent& row) {
      const auto id = row.stream.substr(std::string_view("payment-").size());
      auto& one = payments[id];
      one.id = id;
      ++transitions_["payment " + std::string(json::name_of(one.status)) +
                     (one.closing ? "/closing " : " ") + row.type];
      const auto event = decode_event<payment::PaymentEvent>(row.type, row.data);
      check_event(one, event);
      evolve(one, event);
      return true;
    });
    for (const auto& [id, one] : payments) {
      if (!one.pending.empty()) find("I8: payment " + id + " has refunds that have not ended");
      if (one.refund_reserved > one.captured)
        find("I4: payment " + id + " gives back more than it took");
      const auto row = db_.one(
          "SELECT status, captured, refunded, revision FROM payment_payments WHERE id = ?",
          [](const sql::Row& r) {
            return std::tuple(std::string(r.text(0)), r.integer(1), r.integer(2), r.integer(3));
          },
          id);
      if (row != std::tuple(std::string(json::name_of(one.status)), one.captured.amount(),
                            one.refunded.amount(), one.revision))
        find("I7: the row of payment " + id + " is not what its stream says");
    }
    std::map<std::string, std::int64_t> held, captures;
    for (const auto& entry : provider_.ledger()) {
      if (entry.kind == "authorization") ++held[entry.payment_id];
      if (entry.kind == "capture") ++captures[entry.payment_id];
      if (entry.kind == "void") --held[entry.payment_id];
    }
    for (const auto& [id, count] : captures)
      if (count > 1) find("I2: the provider took the money of payment " + id + " more than once");
    for (const auto& [id, count] : held) {
      const auto at = payments.find(id);
      const bool is_ended = at != payments.end() && at->second.status == payment::Status::closed;
      if (is_ended && count > 0 && captures[id] == 0)
        find("I8: payment " + id + " has ended and the provider still holds its money");
    }
  }

  /// I10: what happened is told once an event and channel, by rows and by what the post took.
  void check_messages() {
    std::map<std::string, std::int64_t> rows;  // by order, kind, subject and channel
    std::set<std::string> keys;
    const auto replayed = replays();
    db_.query(
        "SELECT order_id, kind, subject_id, channel, status, event_id, id FROM"
        " notification_messages",
        [&](const sql::Row& row) {
          const std::string channel(row.text(3));
          ++rows[std::string(row.text(0)) + " " + std::string(row.text(1)) + " " +
                 std::string(row.text(2)) + " " + channel];
          auto key = std::string(row.text(5));
          std::replace(key.begin(), key.end(), '@', '.');
          key += "." + channel;
          keys.insert(key);
          check_message(key, row.text(4), channel);
          if (row.text(4) == "mailbox" && replayed.contains(std::string(row.text(6))))
            find("I12: " + key + " was to be sent again and lies in the mailbox");
        });
    const auto expect = [&](const std::string& what) {
      const auto at = rows.find(what);
      if (at == rows.end()) return find("I10: nobody was told: " + what);
      if (at->second != 1) find("I10: told more than once: " + what);
      rows.erase(at);
    };
    for (const auto& [id, order] : orders_) expect_messages(id, order, expect);
    for (const auto& [what, count] : rows) find("I10: told without a reason: " + what);
    for (const auto& [key, taken] : post_.taken())
      if (!keys.contains(key)) find("I10: a message without a row was sent: " + key);
  }

  /// The messages that were tried anew, among them each that a client was told would be.
  std::set<std::string> replays() {
    std::set<std::string> replayed;
    constexpr std::string_view prefix = "notification-";
    make_stored_log(db_, "notification_", crypto_)->read_all(0, [&](const RecordedEvent& row) {
      if (row.type == notification::NotificationReplayed::type)
        replayed.insert(row.stream.substr(prefix.size()));
      return true;
    });
    for (const auto& wish : clients_.wishes()) {
      if (wish->deed != Deed::replay || !is_acknowledged(*wish)) continue;
      const auto id = wish->path.substr(wish->path.find("ntf_"),
                                        wish->path.rfind('/') - wish->path.find("ntf_"));
      if (!replayed.contains(id)) find("I1: the acknowledged replay of " + id + " is lost");
    }
    return replayed;
  }

  void check_message(const std::string& key, std::string_view status, std::string_view channel) {
    const auto at = post_.taken().find(key);
    const auto taken = at == post_.taken().end() ? Post::Taken{} : at->second;
    const auto most = taken.unanswered + world_.failed_commits + static_cast<int>(world_.life());
    if (taken.times > most)
      find("I10: " + key + " was sent " + std::to_string(taken.times) + " times");
    if (status == "sent" && taken.times == 0) find("I10: " + key + " says sent and was not");
    if (status == "dead_letter" && !post_.refused().contains(key))
      find("I10: " + key + " was given up");
    const bool had_no_way_out = channel == "sms" && world_.faults.sms_from_life > 1;
    if (status == "mailbox" && had_no_way_out && taken.times == 0) return;
    if (status != "sent" && status != "dead_letter")
      find("I12: " + key + " is still " + std::string(status));
  }

  template <class Expect>
  void expect_messages(const std::string& id, const Order& order, const Expect& expect) const {
    const auto told = [&](const char* kind, const std::string& subject, bool by_sms) {
      expect(id + " " + kind + " " + subject + " email");
      if (by_sms && order.placed.has_phone) expect(id + " " + kind + " " + subject + " sms");
    };
    if (confirmed_.contains(id)) told("order_confirmed", "", true);
    if (order.status == OrderStatus::rejected) told("order_rejected", "", false);
    if (order.status == OrderStatus::cancelled) told("order_cancelled", "", false);
    for (const auto& one : order.fulfilments)
      told(one.record.complete.value_or(true) ? "order_shipped" : "order_partly_shipped",
           one.record.fulfilment_id, true);
    for (const auto& one : order.returns) told("return_received", one.record.return_id, false);
    for (const auto& one : order.refunds)
      if (one.status == ordering::RefundStatus::completed) told("order_refunded", one.id, false);
  }

  /// What the running shop writes its messages with is what its table says, and so after a restart.
  void check_templates() {
    std::map<std::string, std::pair<std::int64_t, std::string>> stored;
    db_.query(
        "SELECT kind, channel, language, revision, text FROM notification_templates"
        " WHERE removed = 0",
        [&](const sql::Row& row) {
          stored[std::string(row.text(0)) + "/" + std::string(row.text(1)) + "/" +
                 std::string(row.text(2))] = {row.integer(3), std::string(row.text(4))};
        });
    const auto answer = clients_.ask(get_request("/v1/notifications/templates"));
    const auto list = answer ? json::parse(answer->body) : Result<json::Value>(json::Value());
    if (!list || !list->is_object()) return find("I9: the templates cannot be read");
    for (const auto& one : list->as_object().at("data").as_array()) {
      const auto& view = one.as_object();
      const auto text = [&](const char* member) {
        return std::string(view.at(member).as_string());
      };
      if (text("source") != "merchant") continue;
      const auto name = text("kind") + "/" + text("channel") + "/" + text("language");
      const auto at = stored.find(name);
      if (at == stored.end() || at->second.first != view.at("revision").as_int64() ||
          at->second.second != text("text"))
        find("I7: the template " + name + " in use is not the one that is stored");
      if (at != stored.end()) stored.erase(at);
    }
    for (const auto& [name, text] : stored) find("I7: the template " + name + " is not in use");
  }

  World& world_;
  SimulatedShop& shop_;
  sql::Connection& db_;
  const Clients& clients_;
  const Provider& provider_;
  const Post& post_;
  const Crypto& crypto_;
  Transitions& transitions_;
  std::map<std::string, Order> orders_;
  std::map<std::string, const Order*> by_key_;
  std::set<std::string> confirmed_, numbers_;
};

}  // namespace

void check_history(World& world, SimulatedShop& shop, const Clients& clients,
                   const Provider& provider, const Post& post, const Crypto& crypto,
                   Transitions& transitions) {
  Checks(world, shop, clients, provider, post, crypto, transitions).run();
}

}  // namespace stoa::simulation
