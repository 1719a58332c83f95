#pragma once

#include "services/catalog/application/ledger.hpp"
#include "services/catalog/application/rows.hpp"

namespace stoa::catalog {

Rows open_rows(sql::Connection& db);

/// Tables with the prefix `catalog_`; the log is not among them.
sql::Migrations catalog_migrations();

/// Tables of the stock ledger's own file.
sql::Migrations ledger_migrations();

// One for each room of rows.hpp.
std::unique_ptr<StockRows> make_stock_rows(sql::Connection& db);
std::unique_ptr<ProductRows> make_product_rows(sql::Connection& db);
std::unique_ptr<CategoryRows> make_category_rows(sql::Connection& db);
std::unique_ptr<LedgerRows> make_ledger_rows(sql::Connection& db);
/// The statement that makes an empty ledger of this name.
std::string ledger_table(std::string_view name);
std::unique_ptr<LedgerFile> make_ledger_file(sql::Connection& db);
std::unique_ptr<ImportRows> make_import_rows(sql::Connection& db);
std::unique_ptr<LocationRows> make_location_rows(sql::Connection& db);
std::unique_ptr<TransferRows> make_transfer_rows(sql::Connection& db);
std::unique_ptr<CountRows> make_count_rows(sql::Connection& db);

}  // namespace stoa::catalog
