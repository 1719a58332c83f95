#pragma once

#include <optional>
#include <string>
#include <vector>

#include "services/catalog/domain/count.hpp"
#include "services/catalog/domain/location.hpp"
#include "services/catalog/domain/transfer.hpp"

namespace stoa::catalog {

// What Catalog keeps of where units stand. Each is used by one thread; all throw sql::Failure.

class LocationRows {
 public:
  virtual ~LocationRows() = default;
  /// By code.
  virtual std::vector<Location> all() = 0;
  virtual std::optional<Location> find(const std::string& code) = 0;
  virtual void put(const Location& location) = 0;
  /// How orders are allocated, by its name; nothing when nobody has told.
  virtual std::optional<std::string> allocation() = 0;
  virtual void set_allocation(std::string_view name) = 0;
};

class TransferRows {
 public:
  virtual ~TransferRows() = default;
  virtual std::optional<TransferRecorded> find(const std::string& id) = 0;
  virtual std::optional<std::string> id_of_external_id(const std::string& external_id) = 0;
  virtual void insert(const TransferRecorded& transfer) = 0;
  /// The newest first, those before `before` when it is not empty.
  virtual std::vector<TransferRecorded> page(const std::string& before, int limit) = 0;
};

class CountRows {
 public:
  virtual ~CountRows() = default;
  virtual std::optional<StockCount> find(const std::string& id) = 0;
  virtual void put(const StockCount& count) = 0;
  /// The newest first, those before `before` when it is not empty; of one status when given.
  virtual std::vector<StockCount> page(const std::string& before, std::optional<CountStatus> status,
                                       int limit) = 0;
};

}  // namespace stoa::catalog
