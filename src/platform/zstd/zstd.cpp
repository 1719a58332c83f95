#include "platform/zstd/zstd.hpp"

#include <zstd.h>

#include <memory>
#include <stdexcept>

namespace stoa::zstd {
namespace {

constexpr int level = 1;

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

std::string compress(std::string_view text) {
  // Its tables cost more to set up than a page of products to compress.
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  if (!context) throw std::runtime_error("zstd: out of memory");
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const auto size = ZSTD_compressCCtx(context.get(), packed.data(), packed.size(), text.data(),
                                      text.size(), level);
  if (ZSTD_isError(size) != 0)
    throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(size));
  packed.resize(size);
  packed.shrink_to_fit();
  return packed;
}

}  // namespace stoa::zstd
