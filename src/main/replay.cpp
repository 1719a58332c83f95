#include "main/replay.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"
#include "main/invoice_file.hpp"
#include "main/replay_crew.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {
namespace {

/// Orders of a replay are told from all others by their channel.
constexpr std::string_view channel = "invoices";
constexpr std::size_t title_bytes_max = 200;

std::string json_text(std::string_view text) {
  json::Writer writer;
  writer.text(text);
  return std::move(writer.out);
}

std::string money(std::int64_t pence) {
  return "{\"amount\":" + std::to_string(pence) + ",\"currency\":\"GBP\"}";
}

/// Members that the API promises. Throw when the shop breaks the promise; see `reading`.
std::int64_t integer_at(const json::Value& value, std::string_view name) {
  return value.as_object().at(name).as_int64();
}
std::string_view text_at(const json::Value& value, std::string_view name) {
  return value.as_object().at(name).as_string();
}
std::int64_t amount_at(const json::Value& value, std::string_view name) {
  return integer_at(value.as_object().at(name), "amount");
}

/// Runs what reads an answer and turns a missing member into a failure.
template <class Read>
Result<void> reading(const std::string& what, Read&& read) {
  try {
    read();
    return {};
  } catch (const std::exception& error) {  // of Boost.JSON: a member is missing or of another type
    return fail(ErrorKind::internal, "unexpected_answer",
                "The answer to " + what + " is not what the API promises: " + error.what());
  }
}

struct Take {
  std::size_t line = 0;
  std::int64_t units = 0;
  std::string key;
};

/// One order on its way; returns that meet it wait until it has been sent out.
class Sale {
 public:
  Sale(std::string invoice, std::string date, std::string customer)
      : invoice_(std::move(invoice)), date_(std::move(date)), customer_(std::move(customer)) {}

  [[nodiscard]] const std::string& invoice() const { return invoice_; }
  std::size_t add_line(const InvoiceRow& row) {
    if (!lines_json_.empty()) lines_json_ += ',';
    lines_json_ += "{\"sku\":" + json_text(row.sku) + ",\"quantity\":" + std::to_string(row.units) +
                   ",\"unit_price\":" + money(row.price_pence) + "}";
    is_free_ = is_free_ && row.price_pence == 0;
    return lines_++;
  }

  Result<void> place_and_send(ShopCaller& shop);
  /// True when the order was sent already: the caller is to run the take.
  bool add_take(Take take) {
    const std::lock_guard lock(mutex_);
    if (is_sent_) return true;
    waiting_.push_back(std::move(take));
    return false;
  }
  Result<void> give_back(ShopCaller& shop, const Take& take) const;

 private:
  [[nodiscard]] std::string order_json() const;
  [[nodiscard]] Result<json::Value> final_order(ShopCaller& shop, json::Value order) const;

  const std::string invoice_, date_, customer_;
  std::string lines_json_;
  std::size_t lines_ = 0;
  bool is_free_ = true;
  std::string order_id_;  ///< set, like line_ids_, before is_sent_
  std::vector<std::string> line_ids_;
  std::mutex mutex_;
  bool is_sent_ = false;
  std::vector<Take> waiting_;
};

std::string Sale::order_json() const {
  auto placed_at = date_;
  placed_at[10] = 'T';
  std::string customer;
  if (customer_.empty()) {
    customer = "{\"email\":" + json_text("guest-" + invoice_ + "@example.org") + "}";
  } else {
    const auto id =
        customer_.ends_with(".0") ? customer_.substr(0, customer_.size() - 2) : customer_;
    customer = "{\"email\":" + json_text("customer-" + percent_encode(id) + "@example.org") +
               ",\"external_id\":" + json_text(id) + "}";
  }
  std::string text = "{\"currency\":\"GBP\",\"channel\":" + json_text(channel) +
                     ",\"external_id\":" + json_text(invoice_) + ",\"placed_at\":\"" + placed_at +
                     "Z\",\"customer\":" + customer + ",\"lines\":[" + lines_json_ + "]";
  if (!is_free_) text += ",\"payment\":{\"provider\":\"simulator\",\"token\":\"tok_ok\"}";
  return text + "}";
}

/// The order once its process has decided it; asks again when the answer came before that.
Result<json::Value> Sale::final_order(ShopCaller& shop, json::Value order) const {
  for (int tries = 0; tries < 600 && text_at(order, "status") == "placed"; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    auto again = shop.call("GET", "/v1/orders/" + std::string(text_at(order, "id")));
    if (!again) return again;
    order = std::move(*again);
  }
  const auto status = text_at(order, "status");
  if (status == "confirmed" || status == "partially_fulfilled" || status == "fulfilled")
    return order;
  return fail(ErrorKind::conflict, "order_failed",
              "Invoice " + invoice_ + " ended as an order that is " + std::string(status) + ".");
}

Result<void> Sale::place_and_send(ShopCaller& shop) {
  auto placed =
      shop.call("POST", "/v1/orders", order_json(), "replay-order-" + invoice_, {200, 201, 202});
  if (!placed) return fail(std::move(placed.error()));
  Result<void> sent;
  auto read = reading("POST /v1/orders", [&] {
    const auto order = final_order(shop, std::move(*placed));
    if (!order) {
      sent = fail(order.error());
      return;
    }
    order_id_ = text_at(*order, "id");
    for (const auto& line : order->as_object().at("lines").as_array())
      line_ids_.emplace_back(text_at(line, "id"));
  });
  if (!read || !sent) return read ? sent : read;
  auto fulfilled = shop.call("POST", "/v1/orders/" + order_id_ + "/fulfilments", "{}",
                             "replay-fulfilment-" + invoice_);
  if (!fulfilled) return fail(std::move(fulfilled.error()));
  lines_json_ = {};
  std::vector<Take> takes;
  {
    const std::lock_guard lock(mutex_);
    is_sent_ = true;
    takes.swap(waiting_);
  }
  for (const auto& take : takes)
    if (auto given = give_back(shop, take); !given) return given;
  return {};
}

Result<void> Sale::give_back(ShopCaller& shop, const Take& take) const {
  if (take.line >= line_ids_.size())
    return fail(ErrorKind::internal, "unexpected_answer", "Order " + order_id_ + " lost a line.");
  auto given = shop.call("POST", "/v1/orders/" + order_id_ + "/returns",
                         "{\"lines\":[{\"line_id\":" + json_text(line_ids_[take.line]) +
                             ",\"quantity\":" + std::to_string(take.units) + ",\"restock\":true}]}",
                         take.key);
  if (!given) return fail(std::move(given.error()));
  return {};
}

/// Sends the file's invoices in their order, and finds the sale that each return belongs to.
class InvoicePlayer {
 public:
  InvoicePlayer(const InvoiceFile& file, Crew& crew) : file_(file), crew_(crew) {}

  Result<void> play();
  [[nodiscard]] std::int64_t unmatched_rows() const { return unmatched_rows_; }
  [[nodiscard]] std::int64_t unmatched_units() const { return unmatched_units_; }

 private:
  struct ReturnableLine {
    std::shared_ptr<Sale> sale;  // shared with the job that places it and with other lines
    std::size_t line = 0;
    std::int64_t left = 0;
  };

  bool sell(const InvoiceRow& row);
  bool write_off(const InvoiceRow& row);
  bool give_back(const InvoiceRow& row);
  bool take(ReturnableLine& line, std::int64_t& want, const InvoiceRow& row, int nth);

  const InvoiceFile& file_;
  Crew& crew_;
  std::map<std::string, std::shared_ptr<Sale>> open_;
  /// Lines that a return of the file may meet, by customer and SKU, in the order of their sale.
  std::map<std::pair<std::string, std::string>, std::vector<ReturnableLine>> returnable_;
  std::int64_t unmatched_rows_ = 0, unmatched_units_ = 0;
};

Result<void> InvoicePlayer::play() {
  crew_.begin("invoices", file_.totals().orders + file_.totals().write_off_rows);
  auto read = file_.for_each([this](const InvoiceRow& row) {
    switch (row.kind) {
      case InvoiceRow::Kind::sale:
        return sell(row);
      case InvoiceRow::Kind::write_off:
        return write_off(row);
      case InvoiceRow::Kind::give_back:
        return give_back(row);
    }
    return false;
  });
  auto finished = crew_.finish();
  return read ? finished : read;
}

bool InvoicePlayer::sell(const InvoiceRow& row) {
  auto& sale = open_[row.invoice];
  if (!sale) sale = std::make_shared<Sale>(row.invoice, row.date, row.customer);
  const auto line = sale->add_line(row);
  if (const auto key = std::pair(row.customer, row.sku); file_.totals().returned.contains(key))
    returnable_[key].push_back({sale, line, row.units});
  if (!row.is_last_of_sale) return true;
  const auto ready = std::move(sale);
  open_.erase(row.invoice);
  return crew_.give([ready](ShopCaller& shop) { return ready->place_and_send(shop); });
}

bool InvoicePlayer::write_off(const InvoiceRow& row) {
  if (row.units == 0) return true;
  return crew_.give([row](ShopCaller& shop) -> Result<void> {
    auto done =
        shop.call("POST", "/v1/inventory/" + percent_encode(row.sku) + "/adjustments",
                  "{\"delta\":" + std::to_string(-row.units) +
                      ",\"reason\":\"write_off\",\"reference\":" + json_text(row.invoice) + "}",
                  "replay-write-off-" + std::to_string(row.number));
    if (!done) return fail(std::move(done.error()));
    return {};
  });
}

/// From the newest order to the oldest, and within an order its lines in their order.
bool InvoicePlayer::give_back(const InvoiceRow& row) {
  auto want = row.units;
  int nth = 0;
  if (const auto found = returnable_.find({row.customer, row.sku}); found != returnable_.end()) {
    auto& lines = found->second;
    for (auto end = lines.size(); end > 0 && want > 0;) {
      auto begin = end - 1;
      while (begin > 0 && lines[begin - 1].sale == lines[begin].sale) --begin;
      for (auto at = begin; at < end; ++at)
        if (!take(lines[at], want, row, nth++)) return false;
      end = begin;
    }
    std::erase_if(lines, [](const ReturnableLine& line) { return line.left == 0; });
  }
  if (want > 0) {
    ++unmatched_rows_;
    unmatched_units_ += want;
  }
  return true;
}

bool InvoicePlayer::take(ReturnableLine& line, std::int64_t& want, const InvoiceRow& row, int nth) {
  const auto units = std::min(want, line.left);
  if (units == 0) return true;
  line.left -= units;
  want -= units;
  Take take{line.line, units,
            "replay-return-" + std::to_string(row.number) + "-" + std::to_string(nth)};
  if (!line.sale->add_take(take)) return true;
  return crew_.give([sale = line.sale, take = std::move(take)](ShopCaller& shop) {
    return sale->give_back(shop, take);
  });
}

std::string product_json(const std::string& sku, const std::string& title) {
  std::string clean;
  for (const char c : title) {
    const auto byte = static_cast<unsigned char>(c);
    clean += byte < 0x20 || byte > 0x7e ? ' ' : c;
  }
  clean = std::string(trim(clean.substr(0, title_bytes_max)));
  // A slug cannot hold every SKU; bytes that it lacks are spelled out, so that handles stay unique.
  std::string handle = "sku";
  for (const char c : ascii_lower(sku)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    if (handle == "sku") handle += '-';
    if (plain) {
      handle += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      handle.append("-x").append(to_hex({&byte, 1})).append("-");
    }
  }
  if (handle.ends_with('-')) handle += "x";
  for (auto at = handle.find("--"); at != handle.npos; at = handle.find("--")) handle.erase(at, 1);
  return "{\"handle\":" + json_text(handle) +
         ",\"title\":" + json_text(clean.empty() ? sku : clean) +
         ",\"status\":\"active\",\"variants\":[{\"sku\":" + json_text(sku) + ",\"prices\":[" +
         money(0) + "]}]}";
}

Result<void> stock_shop(const InvoiceTotals& totals, Crew& crew) {
  crew.begin("products", std::ssize(totals.skus));
  for (const auto& [sku, about] : totals.skus) {
    const bool given = crew.give([&sku, &about](ShopCaller& shop) -> Result<void> {
      // 409: a run before this one made it; the idempotency key protects its stock.
      auto made =
          shop.call("POST", "/v1/products", product_json(sku, about.title), {}, {200, 201, 409});
      if (!made) return fail(std::move(made.error()));
      auto stocked = shop.call(
          "POST", "/v1/inventory/" + percent_encode(sku) + "/adjustments",
          "{\"delta\":" + std::to_string(about.opening_stock) + ",\"reason\":\"opening_stock\"}",
          "replay-opening-" + percent_encode(sku));
      if (!stocked) return fail(std::move(stocked.error()));
      return {};
    });
    if (!given) break;
  }
  return crew.finish();
}

/// What the shop says of the replay's orders and stock.
struct Reckoning {
  std::int64_t orders = 0, lines = 0, orders_of_zero_total = 0, largest_order_lines = 0;
  std::int64_t units_sold = 0, order_total = 0;
  std::int64_t units_returned = 0, refunds = 0, refund_total = 0;
  std::map<std::string, std::int64_t> order_totals;   ///< by invoice
  std::map<std::string, std::int64_t> closing_stock;  ///< by SKU

  void add_order(const json::Value& order);
};

void Reckoning::add_order(const json::Value& order) {
  const auto& rows = order.as_object().at("lines").as_array();
  const auto total = amount_at(order, "total");
  ++orders;
  lines += std::ssize(rows);
  orders_of_zero_total += total == 0 ? 1 : 0;
  largest_order_lines = std::max<std::int64_t>(largest_order_lines, std::ssize(rows));
  order_total += total;
  for (const auto& line : rows) {
    units_sold += integer_at(line, "fulfilled");
    units_returned += integer_at(line, "returned");
  }
  for (const auto& one : order.as_object().at("returns").as_array())
    refunds += std::ssize(one.as_object().at("lines").as_array());
  refund_total += amount_at(order, "refunded");
  order_totals.emplace(text_at(order, "external_id"), total);
}

bool has_pending_refund(const json::Value& order) {
  return std::ranges::any_of(order.as_object().at("refunds").as_array(), [](const auto& refund) {
    return text_at(refund, "status") == "pending";
  });
}

Result<void> reckon_order(ShopCaller& shop, const std::string& id, Reckoning& to,
                          std::mutex& mutex) {
  const auto target = "/v1/orders/" + id;
  for (int tries = 0;; ++tries) {
    auto order = shop.call("GET", target);
    if (!order) return fail(std::move(order.error()));
    bool again = false;
    auto read = reading("GET " + target, [&] {
      again = has_pending_refund(*order) && tries < 600;
      if (again) return;
      const std::lock_guard lock(mutex);
      to.add_order(*order);
    });
    if (!again) return read;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Result<Reckoning> reckon(const InvoiceTotals& totals, ShopCaller& shop, Crew& crew) {
  Reckoning reckoning;
  std::mutex mutex;
  crew.begin("reckoning", totals.orders + std::ssize(totals.skus));
  std::string cursor;
  Result<void> listed;
  do {
    auto page = shop.call("GET", "/v1/orders?filter%5Bchannel%5D=" + std::string(channel) +
                                     "&limit=200" + (cursor.empty() ? "" : "&cursor=" + cursor));
    if (!page) {
      listed = fail(std::move(page.error()));
      break;
    }
    cursor.clear();
    listed = reading("GET /v1/orders", [&] {
      for (const auto& row : page->as_object().at("data").as_array()) {
        const auto status = text_at(row, "status");
        if (status == "rejected" || status == "cancelled") continue;
        crew.give([id = std::string(text_at(row, "id")), &reckoning, &mutex](ShopCaller& caller) {
          return reckon_order(caller, id, reckoning, mutex);
        });
      }
      if (const auto& next = page->as_object().at("next_cursor"); next.is_string())
        cursor = percent_encode(std::string_view(next.get_string()));
    });
  } while (listed && !cursor.empty());
  for (const auto& [sku, about] : totals.skus) {
    crew.give([&sku, &reckoning, &mutex](ShopCaller& caller) -> Result<void> {
      const auto target = "/v1/inventory/" + percent_encode(sku);
      auto stock = caller.call("GET", target);
      if (!stock) return fail(std::move(stock.error()));
      return reading("GET " + target, [&] {
        const std::lock_guard lock(mutex);
        reckoning.closing_stock[sku] = integer_at(*stock, "on_hand");
      });
    });
  }
  auto finished = crew.finish();
  if (!listed || !finished) return fail(listed ? finished.error() : listed.error());
  return reckoning;
}

std::string digest_of(const std::map<std::string, std::int64_t>& figures) {
  std::string text;
  for (const auto& [name, figure] : figures) {
    if (!text.empty()) text += '\n';
    text += name + " " + std::to_string(figure);
  }
  return to_hex(openssl::make_crypto()->sha256(text));
}

void print(const InvoiceTotals& totals, const InvoicePlayer& player, const Reckoning& shop) {
  std::int64_t stocked = 0;
  for (const auto& [sku, about] : totals.skus) stocked += about.opening_stock;
  const auto closing =
      std::accumulate(shop.closing_stock.begin(), shop.closing_stock.end(), std::int64_t{0},
                      [](std::int64_t sum, const auto& stock) { return sum + stock.second; });
  // What came in and is neither sold nor there any more, by the shop's own figures.
  const auto written_off = stocked - shop.units_sold + shop.units_returned - closing;
  std::string text;
  const auto member = [&text](std::string_view name, const std::string& value) {
    text.append(text.empty() ? "{\n  \"" : ",\n  \"").append(name).append("\": ").append(value);
  };
  const auto figure = [&member](std::string_view name, std::int64_t value) {
    member(name, std::to_string(value));
  };
  figure("rows", totals.rows);
  figure("orders", shop.orders);
  figure("lines", shop.lines);
  figure("orders_of_zero_total", shop.orders_of_zero_total);
  figure("largest_order_lines", shop.largest_order_lines);
  figure("skus", std::ssize(shop.closing_stock));
  figure("units_sold", shop.units_sold);
  figure("order_total", shop.order_total);
  figure("write_off_rows", totals.write_off_rows);
  figure("units_written_off", written_off);
  figure("return_rows", totals.return_rows);
  figure("units_returned", shop.units_returned);
  figure("refunds", shop.refunds);
  figure("refund_total", shop.refund_total);
  figure("unmatched_return_rows", player.unmatched_rows());
  figure("unmatched_units", player.unmatched_units());
  std::string rejected;
  for (const auto& [reason, rows] : totals.rejected_rows)
    rejected +=
        (rejected.empty() ? "\n    " : ",\n    ") + json_text(reason) + ": " + std::to_string(rows);
  member("rejected_rows", rejected.empty() ? "{}" : "{" + rejected + "\n  }");
  figure("net_total", shop.order_total - shop.refund_total);
  member("order_totals_sha256", json_text(digest_of(shop.order_totals)));
  member("closing_stock_sha256", json_text(digest_of(shop.closing_stock)));
  std::cout << text << "\n}" << std::endl;
}

Result<void> replay(const ReplayOptions& options) {
  auto address = ShopAddress::parse(options.url);
  if (!address) return fail(std::move(address.error()));
  {
    // Said at once, before anybody waits for a shop that is not there.
    beast::HttpClient probe(address->host, address->port, std::chrono::seconds(5));
    if (auto alive = probe.send("GET", "/health/live", {}, {}); !alive)
      return fail(ErrorKind::unavailable, "no_shop",
                  "No shop answers at " + options.url + ": start one with `stoa up`.");
  }
  auto file = InvoiceFile::open(options.file);
  if (!file) return fail(std::move(file.error()));
  ShopCaller caller(*address, options.key);
  Crew crew(*address, options.key, std::clamp(options.concurrency, 1, 256));
  if (auto stocked = stock_shop(file->totals(), crew); !stocked) return stocked;
  InvoicePlayer player(*file, crew);
  if (auto played = player.play(); !played) return played;
  auto reckoning = reckon(file->totals(), caller, crew);
  if (!reckoning) return fail(std::move(reckoning.error()));
  print(file->totals(), player, *reckoning);
  return {};
}

}  // namespace

int replay_invoices(const ReplayOptions& options) {
  if (auto done = replay(options); !done) {
    std::cerr << "stoa: " << done.error().detail << '\n';
    return 1;
  }
  return 0;
}

}  // namespace stoa
