#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel/http/message.hpp"
#include "simulation/shop.hpp"
#include "simulation/world.hpp"

namespace stoa::simulation {

enum class Deed : std::uint8_t {
  place,
  place_again_otherwise,
  cancel,
  capture,
  fulfil,
  give_back,
  refund,
  adjust,
  limit,
  retry,
  price,
  nonsense,
  // The work of the back office.
  location,
  transfer,
  open_count,
  amend_count,
  apply_count,
  cancel_count,
  settings,
  message_template,
  product,
  replay
};

/// What a client wanted, and what it was told: the record that the shop is held against.
struct Wish {
  std::size_t number = 0;
  Deed deed = Deed::place;
  std::string key;  ///< its Idempotency-Key, and its mark in what the shop stores
  std::string method = "POST", path, body, if_match;
  std::string order_id;  ///< that it is about; of a placed order as the shop told it
  std::string count_id;  ///< that it is about; of an opened count as the shop told it
  struct Line {
    std::string sku;
    std::int64_t quantity = 0;
    std::int64_t price = 0;  ///< 0: the catalog's
  };
  std::vector<Line> lines;  ///< of a placed order
  std::int64_t amount = 0;  ///< of a refund
  bool has_phone = false;
  bool waits = false;  ///< for the end of the order, with `Prefer`
  int tries = 0;
  int status = 0;  ///< the answer; 0: none that says what became of it
  std::string told;
};

/// Carries one request to the shop and one answer back, or loses either.
using Network =
    std::function<void(http::Request, std::function<void(const http::Response&)> reply)>;
/// Asks the shop at once and on a line that loses nothing; nothing while it is down.
using Ask = std::function<std::optional<http::Response>(http::Request)>;

/// Random clients. They repeat what was not answered with the same key, and remember every answer.
class Clients {
 public:
  Clients(World& world, Network network, Ask ask)
      : world_(world), network_(std::move(network)), ask_(std::move(ask)) {}

  /// Draws what is done and when.
  void plan(std::uint64_t seed, int wishes, Duration within,
            const std::vector<std::string>& product_ids);
  [[nodiscard]] bool is_done() const { return open_ == 0; }
  [[nodiscard]] const std::vector<std::unique_ptr<Wish>>& wishes() const { return wishes_; }
  /// Whether the SKU ever cost this, as far as anybody asked for it.
  [[nodiscard]] bool may_cost(const std::string& sku, std::int64_t price) const {
    return prices_.contains({sku, price});
  }
  [[nodiscard]] std::optional<http::Response> ask(http::Request request) const {
    return ask_(std::move(request));
  }
  /// A person who looks at what is parked.
  void retry(const std::string& order_id);

 private:
  void begin(std::size_t number, Random random);
  Deed draw_deed(Random& random) const;
  void write(Wish& wish, Random& random);
  void write_order(Wish& wish, Random& random);
  void write_price(Wish& wish, Random& random);
  void write_nonsense(Wish& wish, Random& random);
  void write_office(Wish& wish, Random& random);
  void write_location(Wish& wish, Random& random);
  void write_transfer(Wish& wish, Random& random);
  void write_count(Wish& wish, Random& random);
  void write_settings(Wish& wish, Random& random);
  void write_template(Wish& wish, Random& random);
  void write_product(Wish& wish, Random& random);
  void write_replay(Wish& wish, Random& random);
  void remember(Wish& wish, const http::Response& response);
  void write_change(Wish& wish, Random& random);
  void send(Wish& wish);
  void answered(Wish& wish, const http::Response& response);
  void read_back(const Wish& wish, const http::Response& response);

  World& world_;
  Network network_;
  Ask ask_;
  std::vector<std::unique_ptr<Wish>> wishes_;
  std::vector<std::string> product_ids_;  ///< of the SKUs of the image
  std::set<std::pair<std::string, std::int64_t>> prices_;
  std::vector<std::string> skus_;       ///< that were ever offered
  std::vector<std::string> locations_;  ///< that may be there
  std::vector<const Wish*> placed_;     ///< with an order that the shop acknowledged
  std::vector<const Wish*> counts_;     ///< that the shop acknowledged
  bool has_office_ = false;             ///< whose work is done in this history too
  int open_ = 0;
};

/// A request that must be refused, whatever the state of the shop. In its path `{order}` and
/// `{product}` stand for the id of one.
struct Nonsense {
  std::string method, path, body;
};
Nonsense draw_nonsense(Random& random);

std::string money(std::int64_t pence);
http::Request request_of(const Wish& wish);
http::Request get_request(std::string path);
std::string header_of(const http::Response& response, std::string_view name);

}  // namespace stoa::simulation
