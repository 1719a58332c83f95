#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/base/money.hpp"
#include "kernel/base/result.hpp"
#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"

namespace stoa::jobs {

/// A piece of an export. The texts of all pages in order are the export.
struct ExportPage {
  std::string text;
  std::string cursor;  ///< where this page ends; as `after` of the next one
  bool more = false;   ///< false: what there was has been read to its end
};

struct ExportRequest {
  std::string after;  ///< empty: from the beginning
  Currency currency;  ///< of a source that takes one
};

/// Something that can be exported page by page, each in one short read transaction, so that neither
/// side ever holds more than a page. The order of what is exported never changes; what comes to be
/// while it runs stands at its end.
struct ExportSource {
  std::string name;  ///< `products`
  std::string summary;
  std::string content_type;
  std::string extension;  ///< of a file's name, with the dot
  bool takes_currency = false;
  Readers* readers = nullptr;
  /// `wrong_cursor` (invalid) when `after` is none. Thread-safe.
  std::function<Result<ExportPage>(Store, const ExportRequest&)> page;
};
using ExportSourcePtr = std::shared_ptr<const ExportSource>;

/// What a page aims at; the last entry may exceed it.
inline constexpr std::size_t export_page_bytes = std::size_t{256} << 10;

Error wrong_cursor();

/// `GET /v1/exports/<name>`: one page. `Stoa-Cursor` tells where it ends, `Link` with rel="next"
/// stands there while there is more.
void add_export_route(http::Router& router, const ExportSourcePtr& source);

}  // namespace stoa::jobs
