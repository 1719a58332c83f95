#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/base/crypto.hpp"
#include "kernel/mediator/readers.hpp"
#include "kernel/sql/database.hpp"

namespace stoa {

/// Reader threads with a database each, opened on the thread. One pool serves all services: `of`
/// gives a service's view, whose queries see its own tables alone.
class ReaderPool {
 public:
  virtual ~ReaderPool() = default;
  virtual std::unique_ptr<Readers> of(std::string prefix) = 0;
  /// Lets what waits finish, then ends the threads.
  virtual void stop() = 0;
};

std::unique_ptr<ReaderPool> make_reader_pool(sql::OpenDatabase open, int threads,
                                             const Crypto& crypto,
                                             std::function<void(const std::string&)> report_defect,
                                             std::size_t waiting_max = 10'000);

}  // namespace stoa
