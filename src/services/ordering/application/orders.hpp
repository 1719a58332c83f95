#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/eventlog/journal.hpp"
#include "kernel/eventlog/news.hpp"
#include "kernel/mediator/idempotency.hpp"
#include "services/agents/contracts/events.hpp"
#include "services/catalog/contracts/events.hpp"
#include "services/ordering/application/offer_source.hpp"
#include "services/ordering/application/order_numbers.hpp"
#include "services/ordering/application/order_store.hpp"
#include "services/ordering/application/personal_data.hpp"
#include "services/ordering/application/shop_copy.hpp"
#include "services/ordering/application/translate.hpp"
#include "services/payment/contracts/events.hpp"

namespace stoa::ordering {

struct PlaceOrderLine {
  std::string sku;
  Quantity quantity;
  std::optional<Money> unit_price;  ///< nothing: the catalog's
};

/// Personal data under a key, in base 64, as an event keeps it.
struct Sealed {
  SealingKey key;
  std::string text;
};

/// Everything that is not pure arrives in the command: ids, time, the fingerprints.
struct PlaceOrder {
  OrderId order_id;
  payment::PaymentId payment_id;
  std::string channel;
  std::optional<std::string> external_id;
  std::optional<std::string> customer_external_id;
  std::optional<Timestamp> placed_at;
  Currency currency;
  std::vector<PlaceOrderLine> lines;
  PersonalData personal;
  std::string email_fingerprint;
  std::optional<std::string> address_fingerprint;
  std::optional<std::string> provider;
  std::string token;
  CaptureMode capture = CaptureMode::automatic;
  json::Metadata metadata;
  std::optional<std::string> display_number;  ///< brought by the merchant
  std::optional<Sealed> sealed;               ///< of a guest, by `seal_for_guest`
};

/// The personal data of a guest's order under a new key of its own. Any thread: the writer need not
/// do it.
Sealed seal_for_guest(const Crypto& crypto, const PlaceOrder& command);

inline constexpr int orders_due_max = 200;

struct Receipt {
  std::string order_id;
  std::int64_t revision = 0;
  bool is_final = false;
  bool replayed = false;
};

/// The write side of Ordering: commands of clients, facts of other services, deadlines; all of them
/// decisions over one order's stream. Writer thread only.
class Orders final : public Participant {
 public:
  Orders(EventLog& log, Topic<contracts::Event>& topic, OrderStore& store, Idempotency& idempotency,
         const Crypto& crypto, News& news, Deadlines deadlines, ShopCopy& shop,
         OrderNumbers& numbers);

  /// Offers are taken from the copy, or from what Catalog answered when it was `asked` for all SKUs
  /// of the order.
  Result<Receipt> place(UnitOfWork& unit, const PlaceOrder& command, const IdempotencyKey& key,
                        const OfferSource::Found* asked = nullptr);

  /// Decides about an order that must exist. With a key, a repeat does nothing and says so.
  using Decide = std::function<Result<Events>(const Order&)>;
  Result<Receipt> change(UnitOfWork& unit, std::string_view order_id, const Decide& decide,
                         const IdempotencyKey* key);

  void on(UnitOfWork& unit, const catalog::contracts::StockReserved& event);
  void on(UnitOfWork& unit, const catalog::contracts::StockRejected& event);
  void on(UnitOfWork& unit, const catalog::contracts::ProductChanged& event);
  void on(UnitOfWork& unit, const agents::contracts::FraudAssessed& event);
  void on(UnitOfWork& unit, const payment::contracts::PaymentAuthorized& event);
  void on(UnitOfWork& unit, const payment::contracts::PaymentCaptured& event);
  void on(UnitOfWork& unit, const payment::contracts::PaymentDeclined& event);
  void on(UnitOfWork& unit, const payment::contracts::PaymentClosed& event);
  void on(UnitOfWork& unit, const payment::contracts::RefundCompleted& event);
  void on(UnitOfWork& unit, const payment::contracts::RefundFailed& event);
  void on(UnitOfWork& unit, const payment::contracts::PaymentParked& event);
  void on(UnitOfWork& unit, const shop::contracts::ShopChanged& event);
  /// Of an event about an order.
  void prefetch(const auto& event)
    requires requires { event.order_id; }
  {
    prefetch_order(event.order_id);
  }
  /// `place` will be asked.
  void prefetch(const IdempotencyKey& key) { idempotency_.prefetch(key); }
  /// Acts on orders whose deadline has passed, at most orders_due_max of them; how many.
  int act_on_deadlines(UnitOfWork& unit);

  /// Gets a copy of the durable order; null when it is to be read from the store.
  using Then = std::function<void(std::shared_ptr<const Order>)>;
  /// Calls `then` once the order is final and durable, or at `until`: on the writer thread. Between
  /// batches only, as after a commit.
  void wait_until_final(std::string_view order_id, Timestamp until, Then then);
  /// From time to time: ends waits whose time is over, and those for orders that another replica
  /// has brought to their end.
  void tend_waits(UnitOfWork& unit);

  void flush(UnitOfWork& unit) override;
  void rolled_back() noexcept override;

 private:
  void answer_waits(const std::string& order_id);
  struct Wait {
    Timestamp until;
    Then then;
  };

  std::shared_ptr<Order> load(std::string_view order_id);
  void prefetch_order(const std::string& order_id);
  void append(UnitOfWork& unit, std::string_view order_id, const std::shared_ptr<Order>& order,
              const Events& events);
  void price_again(const Order& order, Events& events);
  void tell(UnitOfWork& unit, std::string_view order_id,
            const std::function<Events(const Order&)>& decide);
  Result<void> check_new(const PlaceOrder& command);
  Result<OrderPlaced> priced(const PlaceOrder& command, const OfferSource::Found* asked);
  Result<OrderNumber> number_for(const PlaceOrder& command, Timestamp now);
  const Offer* offer_of(const std::string& sku);
  std::string seal(const PlaceOrder& command, const std::string& key_id);
  void save_changed();

  OrderStore& store_;
  Idempotency& idempotency_;
  const Crypto& crypto_;
  News& news_;  ///< told the stream of each order that changes
  Deadlines deadlines_;
  ShopCopy& shop_;
  OrderNumbers& numbers_;
  Journal<OrderEvent, contracts::Event> journal_;
  std::unordered_map<std::string, std::shared_ptr<Order>> hot_;
  std::unordered_map<std::string, std::shared_ptr<Order>> changed_;
  std::unordered_map<std::string, Offer> offers_;
  std::unordered_map<std::string, SealingKey> person_keys_;
  std::multimap<std::string, Wait, std::less<>> waits_;
  bool others_wrote_ = false;  // perhaps, since the waits were tended
};

/// Whether a refusal by `place` rests on what is known of offers: what Catalog says now may be
/// something else.
bool rests_on_offers(const Error& refusal);

/// Folds the stream of an order; nothing when there is none.
std::optional<Order> fold_order(EventLog& log, std::string_view order_id);

}  // namespace stoa::ordering
