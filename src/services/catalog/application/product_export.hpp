#pragma once

#include <functional>
#include <string>

#include "kernel/jobs/export.hpp"
#include "services/catalog/application/products.hpp"
#include "services/catalog/application/rows.hpp"

namespace stoa::catalog {

/// The first line of an exported file: the columns of Shopify's product CSV that Stoa keeps, and
/// those that Shopify asks for, in Shopify's order.
std::string product_file_header();

/// Units of a SKU that may be sold.
using AvailableUnits = std::function<std::int64_t(const std::string& sku)>;

/// Appends the rows of one product as ProductFile reads them: what an import makes of them exports
/// to the same bytes. What the format cannot hold is left out (docs/operations.md); texts lose the
/// white space at their ends, a product's tags are split at commas, several variants without
/// options get the option Title with their SKUs as values.
void append_product_rows(std::string& out, const Product& product, Currency currency,
                         const AvailableUnits& available, const HtmlSanitiser& sanitise);

/// All products in the order of their creation, the header first; `wrong_cursor` (invalid).
Result<jobs::ExportPage> export_products(const Rows& rows, const jobs::ExportRequest& request,
                                         const HtmlSanitiser& sanitise);

}  // namespace stoa::catalog
