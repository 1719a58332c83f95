#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "services/notification/application/order_source.hpp"
#include "services/notification/application/template_book.hpp"

namespace stoa::notification {

/// A message as the customer will read it.
struct Written {
  std::string language;
  std::int64_t template_revision = 0;
  TemplateText text;
};

/// What a notification tells, beside the order as a whole.
struct Occasion {
  Kind kind = Kind::order_confirmed;
  Channel channel = Channel::email;
  std::string subject_id;  ///< of the fulfilment, return or refund
};

/// Writes messages. Thread-safe.
class MessageWriter {
 public:
  /// `sender_name` stands for the shop's name as long as the shop has none.
  MessageWriter(const TemplateBook& book, std::string sender_name)
      : book_(book), sender_name_(std::move(sender_name)) {}

  /// From now on; nothing when the shop has no name.
  void name_shop(std::optional<std::string> name);

  /// In the customer's language, as far as there is a template.
  [[nodiscard]] Result<Written> write(const Occasion& occasion, const OrderFacts& order) const;
  /// With a template that need not be stored; `wrong_template` names its faults by member.
  [[nodiscard]] Result<Written> write_with(const Occasion& occasion, const OrderFacts& order,
                                           const StoredTemplate& with) const;

 private:
  [[nodiscard]] std::string shop_name() const;

  const TemplateBook& book_;
  std::string sender_name_;
  mutable std::mutex mutex_;
  std::optional<std::string> shop_name_;
};

/// Whether a template can be used on its channel; every fault with its member and place.
Result<void> check_template(Channel channel, const TemplateText& text);

/// An order to preview templates with, that has something of everything.
OrderFacts sample_order(std::string language);
/// The newest fulfilment, return or refund of an order, for a kind that tells of one; else empty.
std::string latest_subject(Kind kind, const OrderFacts& order);

}  // namespace stoa::notification
