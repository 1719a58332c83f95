#pragma once

#include <string>

#include "contracts/temporary_folder.hpp"

namespace stoa {

/// A certificate that nobody but itself has signed, valid for `names` (`DNS:localhost`), and its
/// key, which every user may read: PEM files of a folder.
class Certificate {
 public:
  Certificate(const TemporaryFolder& folder, const std::string& file, const std::string& names);

  [[nodiscard]] const std::string& certificate() const { return certificate_; }
  [[nodiscard]] const std::string& key() const { return key_; }

 private:
  std::string certificate_, key_;
};

}  // namespace stoa
