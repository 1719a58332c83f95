#pragma once

#include <functional>
#include <string>

#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"
#include "kernel/mediator/write_loop.hpp"
#include "main/client.hpp"
#include "main/diagnosis.hpp"

namespace stoa {

/// `GET /v1/diagnostics`: the checks of the folder and those of the running process. `whole_shop`
/// reads all tables; it, the configuration and the loop outlive the router.
void add_diagnostics(http::Router& router, Readers& whole_shop, std::string folder,
                     const Configuration& configuration, const Clock& clock, const WriteLoop& loop);

struct DoctorOptions {
  ShopClientOptions shop;
  std::string data;     ///< looked at itself when no process runs on it
  bool by_url = false;  ///< ask the shop at the address, whatever is in `data`
  std::string backups;  ///< folder of backups to look at; empty: none
};

/// `stoa doctor`: prints what is found and what to do; 0 when all is well, 1 with warnings only,
/// 2 with failures.
int examine(DoctorOptions options);

}  // namespace stoa
