#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"
#include "services/ordering/application/offer_source.hpp"

namespace stoa {

/// Asks Catalog in the same process. `readers` are Catalog's and outlive it.
std::unique_ptr<ordering::OfferSource> make_offer_source(Readers& readers);

/// Adds `GET /internal/offers?skus=["…"]`: what is asked by the source below in the other processes
/// of a fleet. `readers` are Catalog's and outlive the router.
void add_offers_route(http::Router& router, Readers& readers);

/// Asks that route at one of `urls`, replicas of Catalog, on a thread of its own: what waits there
/// is asked for together, and what waits too long is given up. It is gone before what it calls
/// back.
std::unique_ptr<ordering::OfferSource> make_remote_offer_source(std::vector<std::string> urls,
                                                                std::string secret_key);

}  // namespace stoa
