#pragma once

#include <vector>

#include "kernel/http/router.hpp"
#include "services/catalog/api/routes.hpp"

namespace stoa::catalog {

/// What `GET /v1/products` answers, as a list or as a search.
http::SchemaOf product_list_schema();
std::vector<http::QueryParameter> product_list_parameters();

/// Whether the query asks for what the search index alone can tell.
bool is_search(const http::Request& request);
void search_products(const Api& api, const http::RequestPtr& request, const http::Reply& reply);

}  // namespace stoa::catalog
