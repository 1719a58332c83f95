#pragma once

#include <map>
#include <string>

#include "services/ordering/domain/order.hpp"
#include "services/payment/domain/payment.hpp"
#include "simulation/clients.hpp"
#include "simulation/mail.hpp"
#include "simulation/provider.hpp"
#include "simulation/shop.hpp"

namespace stoa::simulation {

/// How often each step of a saga was seen, `placed/paying OrderConfirmed`.
using Transitions = std::map<std::string, std::int64_t>;

/// Holds a shop that has come to rest against the invariants I1 to I8, I10 and I12 of the design:
/// by the product's own audit, and by what clients, provider and post remember. What is wrong goes
/// to `world.findings`.
void check_history(World& world, SimulatedShop& shop, const Clients& clients,
                   const Provider& provider, const Post& post, const Crypto& crypto,
                   Transitions& transitions);

/// The part of it that is about units: locations, transfers, counts and reservations.
void check_stock(World& world, SimulatedShop& shop, const Clients& clients, const Crypto& crypto);

inline bool is_acknowledged(const Wish& wish) { return wish.status >= 200 && wish.status < 300; }
/// No other copy of the request can have come to the shop after the refusal.
inline bool is_refused_for_good(const World& world, const Wish& wish) {
  return wish.status >= 400 && wish.status < 500 && wish.tries == 1 &&
         world.faults.request_doubled == 0;
}

/// The steps that the sagas of an order and of a payment can take.
const std::vector<std::string>& known_transitions();

}  // namespace stoa::simulation
