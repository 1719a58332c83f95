/// What it costs to read and to write the body of an order, beside copying its bytes: no reader or
/// writer can touch them less. Nanoseconds a body, one thread; prints one JSON object.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "services/ordering/api/order_bodies.hpp"

namespace {

using stoa::ordering::PlaceOrderBody;

constexpr int rounds = 100'000;

/// As the load generator sends them.
std::string body_of(int number) {
  const auto text = std::to_string(number);
  return R"({"currency":"GBP","customer":{"email":"buyer-)" + text +
         R"(@example.org","name":"A. Buyer"},"lines":[{"sku":"SKU-)" + text +
         R"(","quantity":1},{"sku":"SKU-7","quantity":2}],"shipping_address":{"name":"A. Buyer",)"
         R"("line1":")" +
         text +
         R"( High Street","city":"Leeds","postal_code":"LS1 1AA","country":"GB"},)"
         R"("payment":{"provider":"simulator","token":"tok_ok"}})";
}

template <class Run>
double nanoseconds(Run run) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) run(static_cast<std::size_t>(i));
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  return took.count() / rounds;
}

}  // namespace

int main() {
  std::vector<std::string> bodies;
  for (int i = 0; i < 1'000; ++i) bodies.push_back(body_of(i));
  std::vector<PlaceOrderBody> orders;
  std::size_t bytes = 0;
  for (const auto& body : bodies) {
    auto order = stoa::json::read_input<PlaceOrderBody>(body);
    if (!order) return 1;
    orders.push_back(std::move(*order));
    bytes += body.size();
  }
  std::vector<char> to(bodies.back().size() + 100);
  std::size_t seen = 0;
  const auto copied = nanoseconds([&](std::size_t i) {
    const auto& body = bodies[i % bodies.size()];
    std::memcpy(to.data(), body.data(), body.size());
    seen += static_cast<unsigned char>(to[i % body.size()]);
  });
  const auto read = nanoseconds([&](std::size_t i) {
    seen += stoa::json::read_input<PlaceOrderBody>(bodies[i % bodies.size()])->lines.size();
  });
  const auto written = nanoseconds(
      [&](std::size_t i) { seen += stoa::json::to_json(orders[i % orders.size()]).size(); });
  std::printf("{\"bytes\":%zu,\"copy_ns\":%.1f,\"read_ns\":%.1f,\"write_ns\":%.1f,\"seen\":%zu}\n",
              bytes / bodies.size(), copied, read, written, seen);
}
