#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/ordering/application/personal_data.hpp"
#include "services/ordering/domain/order.hpp"

namespace stoa::ordering {

struct CustomerView {
  static constexpr std::string_view schema_name = "Customer";
  std::optional<std::string> email;  ///< null once the person is forgotten
  std::optional<std::string> name;
  std::optional<std::string> external_id;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("email", &CustomerView::email, Text{0, 254}),
                      field("name", &CustomerView::name),
                      field("external_id", &CustomerView::external_id)};
  }
};

struct RejectionView {
  static constexpr std::string_view schema_name = "Rejection";
  std::string code;
  std::string detail;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("code", &RejectionView::code),
                      field("detail", &RejectionView::detail, Text{0, 2000})};
  }
};

struct LineView {
  static constexpr std::string_view schema_name = "OrderLine";
  std::string id;
  std::string sku;
  std::string title;
  Quantity quantity;
  Quantity fulfilled;
  Quantity returned;
  Money unit_price;
  Money total;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &LineView::id),
                      field("sku", &LineView::sku),
                      field("title", &LineView::title, Text{0, 2000}),
                      field("quantity", &LineView::quantity),
                      field("fulfilled", &LineView::fulfilled),
                      field("returned", &LineView::returned),
                      field("unit_price", &LineView::unit_price),
                      field("total", &LineView::total)};
  }
};

struct UnitsView {
  std::string line_id;
  Quantity quantity;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("line_id", &UnitsView::line_id),
                      field("quantity", &UnitsView::quantity)};
  }
};

struct FulfilmentView {
  static constexpr std::string_view schema_name = "Fulfilment";
  std::string id;
  std::vector<UnitsView> lines;
  std::optional<std::string> carrier, tracking_number, tracking_url;
  Timestamp created_at;
  static constexpr auto fields() {
    using namespace json;
    using V = FulfilmentView;
    return std::tuple{field("id", &V::id),
                      field("lines", &V::lines, Items{0, 2000}),
                      field("carrier", &V::carrier),
                      field("tracking_number", &V::tracking_number),
                      field("tracking_url", &V::tracking_url, Text{0, 2000}),
                      field("created_at", &V::created_at)};
  }
};

struct ReturnView {
  static constexpr std::string_view schema_name = "Return";
  std::string id;
  std::vector<UnitsView> lines;
  Money refund;
  std::optional<std::string> reason;
  Timestamp created_at;
  static constexpr auto fields() {
    using namespace json;
    using V = ReturnView;
    return std::tuple{field("id", &V::id), field("lines", &V::lines, Items{0, 2000}),
                      field("refund", &V::refund), field("reason", &V::reason, Text{0, 500}),
                      field("created_at", &V::created_at)};
  }
};

struct RefundView {
  static constexpr std::string_view schema_name = "Refund";
  std::string id;
  Money amount;
  RefundStatus status = RefundStatus::pending;
  std::optional<std::string> reason;
  Timestamp created_at;
  static constexpr auto fields() {
    using namespace json;
    using V = RefundView;
    return std::tuple{field("id", &V::id), field("amount", &V::amount), field("status", &V::status),
                      field("reason", &V::reason, Text{0, 500}),
                      field("created_at", &V::created_at)};
  }
};

struct PaymentView {
  std::string id;
  std::string provider;
  CaptureMode capture = CaptureMode::automatic;
  PaymentStatus status = PaymentStatus::pending;
  Money captured;
  Money refunded;
  static constexpr auto fields() {
    using namespace json;
    using V = PaymentView;
    return std::tuple{field("id", &V::id),
                      field("provider", &V::provider),
                      field("capture", &V::capture),
                      field("status", &V::status),
                      field("captured", &V::captured),
                      field("refunded", &V::refunded)};
  }
};

/// An order as its API shows it.
struct OrderView {
  static constexpr std::string_view schema_name = "Order";
  std::string id;
  std::int64_t number = 0;
  std::string display_number;
  OrderStatus status = OrderStatus::placed;
  PaymentStatus payment_status = PaymentStatus::pending;
  std::string process_status;
  std::optional<RejectionView> rejection;
  std::optional<std::string> cancel_reason;
  std::string channel;
  std::optional<std::string> external_id;
  CustomerView customer;
  std::vector<LineView> lines;
  std::vector<json::Raw> charges;
  Money total;
  Money refunded;
  std::optional<Address> shipping_address;
  std::optional<Address> billing_address;
  std::vector<PaymentView> payments;
  std::vector<FulfilmentView> fulfilments;
  std::vector<ReturnView> returns;
  std::vector<RefundView> refunds;
  json::Metadata metadata;
  Timestamp placed_at;
  Timestamp recorded_at;
  std::int64_t revision = 0;
  std::string access_token;
  static constexpr auto fields() {
    using namespace json;
    using V = OrderView;
    return std::tuple{field("id", &V::id),
                      field("number", &V::number, Unbounded{}, "Counts all orders"),
                      field("display_number", &V::display_number, Unbounded{},
                            "What people read; the number unless the shop has a pattern"),
                      field("status", &V::status),
                      field("payment_status", &V::payment_status),
                      field("process_status", &V::process_status),
                      field("rejection", &V::rejection),
                      field("cancel_reason", &V::cancel_reason, Text{0, 1000}),
                      field("channel", &V::channel),
                      field("external_id", &V::external_id),
                      field("customer", &V::customer),
                      field("lines", &V::lines, Items{1, 2000}),
                      field("charges", &V::charges),
                      field("total", &V::total),
                      field("refunded", &V::refunded),
                      field("shipping_address", &V::shipping_address),
                      field("billing_address", &V::billing_address),
                      field("payments", &V::payments),
                      field("fulfilments", &V::fulfilments, Items{0, 2000}),
                      field("returns", &V::returns, Items{0, 2000}),
                      field("refunds", &V::refunds, Items{0, 2000}),
                      field("metadata", &V::metadata),
                      field("placed_at", &V::placed_at),
                      field("recorded_at", &V::recorded_at),
                      field("revision", &V::revision),
                      field("access_token", &V::access_token)};
  }
};

OrderView view_of(const Order& order, const PersonalData& personal, std::string access_token);

FulfilmentView view_of(const Fulfilment& fulfilment);

/// Where the order's processes stand: running, parked, ended.
std::string_view process_status_of(const Order& order);

/// One event of the order's history as a person would tell it, in English.
std::string tell_event(const OrderEvent& event);

}  // namespace stoa::ordering
