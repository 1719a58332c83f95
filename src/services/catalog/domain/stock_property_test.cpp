#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "services/catalog/domain/allocation.hpp"
#include "services/catalog/domain/count.hpp"
#include "services/catalog/domain/transfer.hpp"

namespace stoa::catalog {
namespace {

const std::vector<std::string> places{"main", "shop", "depot"};
const std::vector<std::string> skus{"CUP", "MUG"};

struct Step {
  int what = 0, sku = 0, from = 0, to = 0, quantity = 1, order = 0;
};

/// A warehouse that obeys every decision, and judges itself after every single event.
class World {
 public:
  World(std::int64_t limit, bool is_fewest) : limit_(limit), is_fewest_(is_fewest) {
    for (const auto& sku : skus) stocks_[sku] = Stock{sku, Quantity(limit), {}};
  }

  void take(const Step& step) {
    const auto& sku = skus[static_cast<std::size_t>(step.sku)];
    const auto& from = places[static_cast<std::size_t>(step.from)];
    const auto& to = places[static_cast<std::size_t>(step.to)];
    const Quantity quantity(step.quantity);
    switch (step.what) {
      case 0:
        adjust(sku, from, step.order % 2 == 0 ? quantity : -quantity);
        break;
      case 1:
        order(step);
        break;
      case 2:
        if (auto* held = reservation(step.order)) apply(release(*held), held);
        break;
      case 3:
        if (auto* held = reservation(step.order))
          apply(fulfil(*held, "ful" + std::to_string(++serial_), {{sku, quantity}}), held);
        break;
      case 4:
        if (from != to) transfer(from, to, quantity);
        break;
      case 5:
        serving_ = step.order % 2 == 0 ? std::vector{from, to} : std::vector{to};
        if (from == to) serving_ = {from};
        break;
      default:
        count(sku, from, step);
    }
  }

 private:
  [[nodiscard]] StockOf stock_of() const {
    return [this](const std::string& sku) { return &stocks_.at(sku); };
  }
  Reservation* reservation(int order) {
    if (reservations_.empty()) return nullptr;
    return &reservations_[static_cast<std::size_t>(order) % reservations_.size()];
  }

  void adjust(const std::string& sku, const std::string& at, Quantity delta) {
    if (const auto events = decide(stocks_.at(sku), AdjustStock{at, delta, "test"})) {
      apply(*events, nullptr);
      came_[sku] += delta.count();
    }
  }

  void order(const Step& step) {
    const ByPriority priority;
    const FewestLocations fewest;
    const Allocation allocation{
        is_fewest_ ? static_cast<const AllocationStrategy&>(fewest) : priority, serving_};
    auto& held = reservations_.emplace_back();
    const auto id = "ord" + std::to_string(reservations_.size());
    const auto events =
        reserve(held, id, {{skus[0], Quantity(step.quantity)}, {skus[1], Quantity(1)}}, stock_of(),
                allocation);
    if (const auto* reserved = std::get_if<StockReserved>(&events.at(0))) {
      std::map<std::string, std::int64_t> given;
      for (const auto& line : reserved->lines) {
        RC_ASSERT(std::ranges::find(serving_, line.location) != serving_.end());
        RC_ASSERT(line.quantity.count() > 0);
        given[line.sku] += line.quantity.count();
      }
      RC_ASSERT(given[skus[0]] == step.quantity && given[skus[1]] == 1);
    }
    apply(events, &held);
  }

  void transfer(const std::string& from, const std::string& to, Quantity quantity) {
    const TransferRecorded wanted{"tr",   from, to, {{skus[0], quantity}, {skus[1], Quantity(1)}},
                                  "test", {},   {}};
    const auto before = stocks_;
    const auto events = decide(wanted, stock_of());
    RC_ASSERT(events || stocks_ == before);
    if (!events) return;
    for (const auto& event : *events) apply({event}, nullptr);
    for (const auto& sku : skus) {
      RC_ASSERT(stocks_.at(sku).on_hand() == before.at(sku).on_hand());
      RC_ASSERT(stocks_.at(sku).available_at(from) >= Quantity(0));
    }
  }

  void count(const std::string& sku, const std::string& at, const Step& step) {
    if (!draft_) {
      const auto lines = lines_of({{sku, step.quantity}}, at, stock_of(), {});
      draft_.emplace();
      evolve(*draft_, CountOpened{"cnt", at, {}, *lines}, {});
      return;
    }
    const auto line = draft_->lines.front();
    if (const auto applied = catalog::apply(*draft_, false, stock_of())) {
      const auto before = stocks_.at(line.sku).on_hand().count();
      for (const auto& event : applied->adjustments) apply({event}, nullptr);
      RC_ASSERT(stocks_.at(line.sku).on_hand().count() - before == *line.counted - line.expected);
      came_[line.sku] += line.difference();
    }
    draft_.reset();
  }

  void apply(const std::vector<StockEvent>& events, Reservation* held) {
    for (const auto& event : events) {
      for (const auto& move : moves_of(event)) {
        evolve(stocks_.at(move.sku), move);
        if (std::holds_alternative<StockFulfilled>(event)) came_[move.sku] += move.on_hand.count();
      }
      if (held != nullptr) evolve(*held, event);
      judge();
    }
  }

  void judge() const {
    std::map<std::pair<std::string, std::string>, std::int64_t> promised;
    for (const auto& held : reservations_)
      for (const auto& line : held.remaining)
        promised[{line.sku, line.location}] += line.quantity.count();
    for (const auto& [sku, stock] : stocks_) {
      RC_ASSERT(stock.available().count() >= -limit_);
      for (const auto& level : stock.levels) {
        RC_ASSERT(level.available().count() >= -limit_);
        const auto wanted = promised.find({sku, level.location});
        RC_ASSERT(level.reserved.count() == (wanted == promised.end() ? 0 : wanted->second));
      }
    }
  }

 public:
  void judge_units() const {
    for (const auto& [sku, stock] : stocks_) {
      const auto came = came_.find(sku);
      RC_ASSERT(stock.on_hand().count() == (came == came_.end() ? 0 : came->second));
    }
  }

 private:
  std::int64_t limit_;
  bool is_fewest_;
  int serial_ = 0;
  std::map<std::string, Stock> stocks_;
  std::vector<std::string> serving_ = places;
  std::vector<Reservation> reservations_;
  std::map<std::string, std::int64_t> came_;
  std::optional<StockCount> draft_;
};

TEST(StockProperty, WhateverHappens_UnitsAreKept_AndNobodyIsPromisedMoreThanMayBe) {
  const auto held = rc::check([] {
    const auto number = [](int below) { return *rc::gen::inRange(0, below); };
    World world(number(2) * 3, number(2) == 1);
    const auto steps = number(200);
    for (int at = 0; at < steps; ++at) {
      world.take({number(7), number(2), number(3), number(3), 1 + number(9), number(20)});
      world.judge_units();
    }
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace stoa::catalog
