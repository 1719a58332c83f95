#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// The files of a shop that a backup copies whole or by what changed, in this order.
inline constexpr std::string_view cut_files[] = {"shop.db", "simulator.db"};
/// The file of the secrets that were taken out of them.
inline constexpr std::string_view cut_keys_file = "keys.db";

/// Where a cut goes through one log.
struct LogCut {
  std::string service;
  std::int64_t epoch = 0;
  std::int64_t position = 0;
  std::string head_hash;   ///< of the event at `position`; empty for an empty log
  std::string first_hash;  ///< of the first event: tells one shop from another
  static constexpr auto fields() {
    using namespace json;
    using L = LogCut;
    return std::tuple{field("service", &L::service), field("epoch", &L::epoch),
                      field("position", &L::position), field("head_hash", &L::head_hash),
                      field("first_hash", &L::first_hash)};
  }
};

/// Copies one moment of the shop in the folder `data`, which may be running, into the folder
/// `into`: `shop.db` and `simulator.db` without secrets, and these in `keys.db` (the keys of
/// personal data, the shop's secret, the API keys of the folder). Throws.
void stage_cut(const std::string& data, const std::filesystem::path& into);

/// Puts the secrets of a `keys.db` back: into the `shop.db` of a folder, and its file `keys`.
void put_back_keys(const std::filesystem::path& keys_file, const std::filesystem::path& folder);

/// The logs in a shop's file, by the names of their services.
std::vector<LogCut> logs_of(sql::Connection& shop);

/// What is wrong with a copy of a shop in `folder`, each as a sentence; empty when it is whole:
/// SQLite's own check, every log's chain of hashes and its end where the cut says, and `audit`.
/// Leaves files of SQLite beside the two.
std::vector<std::string> faults_of_copy(const std::filesystem::path& folder,
                                        const std::vector<LogCut>& expected, const Crypto& crypto);

}  // namespace stoa
