#pragma once

#include <optional>

#include "kernel/base/crypto.hpp"
#include "services/ordering/application/order_store.hpp"
#include "services/ordering/application/personal_data.hpp"
#include "services/ordering/contracts/order_facts.hpp"
#include "services/ordering/domain/order.hpp"

namespace stoa::ordering {

/// Nothing once the person is forgotten. On a reader thread.
std::optional<PersonalData> unseal(Store store, const Order& order, const OrderQueries& queries,
                                   const Crypto& crypto);

contracts::OrderFacts facts_of(const Order& order, const std::optional<PersonalData>& personal);

}  // namespace stoa::ordering
