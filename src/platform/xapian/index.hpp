#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/search/index.hpp"

namespace stoa::xapian {

struct IndexOptions {
  std::string folder;  ///< made when it is missing; the index owns all that is in it
  std::function<std::string(std::string_view)> fold;  ///< thread-safe
  std::string language = "english";                   ///< a stemmer of Xapian, or `none`
  std::chrono::milliseconds time_max{1'000};          ///< of one search
};

/// In the folder, `current` names the database that is live. Throws search::Failure when the folder
/// cannot be made.
std::unique_ptr<search::Index> make_index(IndexOptions options);

}  // namespace stoa::xapian
