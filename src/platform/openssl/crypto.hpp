#pragma once

#include <memory>

#include "kernel/base/crypto.hpp"

namespace stoa::openssl {

std::unique_ptr<Crypto> make_crypto();

}  // namespace stoa::openssl
