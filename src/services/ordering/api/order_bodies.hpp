#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/ordering/application/order_view.hpp"
#include "services/ordering/application/personal_data.hpp"

/// What clients send. The bounds stand here once, for the checks and for OpenAPI.
namespace stoa::ordering {

struct CustomerBody {
  std::string email;
  std::optional<std::string> name;
  std::optional<std::string> external_id;
  std::optional<std::string> phone;
  std::optional<std::string> language;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("email", &CustomerBody::email, Text{3, 254, Form::email}),
                      field("name", &CustomerBody::name),
                      field("phone", &CustomerBody::phone, Text{8, 30},
                            "With its country, +44 20 7946 0000: the customer gets SMS too"),
                      field("language", &CustomerBody::language, Text{2, 35, Form::token},
                            "BCP 47, as in de-AT: of the messages to the customer"),
                      field("external_id", &CustomerBody::external_id, Text{1, 255},
                            "The merchant's own id of the customer; absent for a guest")};
  }
};

struct LineBody {
  std::string sku;
  Quantity quantity;
  std::optional<Money> unit_price;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("sku", &LineBody::sku, Text{1, 255}),
                      field("quantity", &LineBody::quantity, Range{1, 1'000'000}),
                      field("unit_price", &LineBody::unit_price, Range{0},
                            "Secret key only: the price of another channel")};
  }
};

struct PaymentBody {
  std::string provider;
  std::string token;
  CaptureMode capture = CaptureMode::automatic;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("provider", &PaymentBody::provider, Text{1, 50, Form::slug}),
                      field("token", &PaymentBody::token, Text{1, 255, Form::token},
                            "From the provider; never a card number"),
                      defaulted("capture", &PaymentBody::capture)};
  }
};

struct PlaceOrderBody {
  static constexpr std::string_view schema_name = "PlaceOrder";
  Currency currency;
  CustomerBody customer;
  std::vector<LineBody> lines;
  std::optional<Address> shipping_address;
  std::optional<Address> billing_address;
  std::optional<PaymentBody> payment;
  std::optional<std::string> external_id;
  std::string channel = "web";
  std::optional<Timestamp> placed_at;
  std::optional<std::string> display_number;
  json::Metadata metadata;
  static constexpr auto fields() {
    using namespace json;
    using B = PlaceOrderBody;
    return std::tuple{field("currency", &B::currency),
                      field("customer", &B::customer),
                      field("lines", &B::lines, Items{1, 2000}),
                      field("shipping_address", &B::shipping_address),
                      field("billing_address", &B::billing_address),
                      field("payment", &B::payment, Unbounded{}, "Not needed when the total is 0"),
                      field("external_id", &B::external_id, Text{1, 255}, "Unique in its channel"),
                      defaulted("channel", &B::channel, Text{1, 50, Form::slug}),
                      field("placed_at", &B::placed_at, Unbounded{}, "Secret key only"),
                      field("display_number", &B::display_number, Text{1, 100, Form::token},
                            "Secret key only: the number that the order has already"),
                      defaulted("metadata", &B::metadata)};
  }
};

struct CancelBody {
  std::optional<std::string> reason;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("reason", &CancelBody::reason, Text{0, 500, Form::lines})};
  }
};

struct UnitsBody {
  std::string line_id;
  Quantity quantity;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("line_id", &UnitsBody::line_id, Text{1, 50}),
                      field("quantity", &UnitsBody::quantity, Range{1, 1'000'000})};
  }
};

struct TrackingBody {
  std::optional<std::string> carrier, number, url;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("carrier", &TrackingBody::carrier, Text{1, 100}),
                      field("number", &TrackingBody::number, Text{1, 100}),
                      field("url", &TrackingBody::url, Text{1, 2000, Form::url})};
  }
};

struct FulfilBody {
  std::vector<UnitsBody> lines;
  std::optional<TrackingBody> tracking;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{defaulted("lines", &FulfilBody::lines, Items{0, 2000},
                                "Absent: everything that is still to be sent"),
                      field("tracking", &FulfilBody::tracking)};
  }
};

struct ReturnUnitsBody {
  std::string line_id;
  Quantity quantity;
  bool restock = true;
  static constexpr auto fields() {
    using namespace json;
    using B = ReturnUnitsBody;
    return std::tuple{field("line_id", &B::line_id, Text{1, 50}),
                      field("quantity", &B::quantity, Range{1, 1'000'000}),
                      defaulted("restock", &B::restock)};
  }
};

struct ReturnBody {
  std::vector<ReturnUnitsBody> lines;
  std::optional<std::string> reason;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("lines", &ReturnBody::lines, Items{1, 2000}),
                      field("reason", &ReturnBody::reason, Text{0, 500, Form::lines})};
  }
};

struct RefundBody {
  Money amount;
  std::optional<std::string> reason;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("amount", &RefundBody::amount, Range{1}),
                      field("reason", &RefundBody::reason, Text{0, 500, Form::lines})};
  }
};

}  // namespace stoa::ordering
