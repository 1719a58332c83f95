#include "gateway/pages.hpp"

#include <iterator>
#include <map>

#include "kernel/base/files.hpp"
#include "kernel/http/typed.hpp"

namespace stoa {
namespace {

using http::Access;
using http::Reply;
using http::RequestPtr;
using http::Response;

constexpr std::string_view page_style =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;"
    "color:#1d2a33}a{color:#0b6b8a}li{margin:.3rem 0}code{background:#eef3f5;padding:.1rem .3rem}";

std::string front_page(const std::string& version, const std::string& about) {
  return "<!doctype html><html lang=en><meta charset=utf-8><title>Stoa</title>"
         "<meta name=viewport content='width=device-width'><style>" +
         std::string(page_style) + "</style><h1>Stoa</h1><p>Version " + version + ". " + about +
         "<ul><li><a href='/swagger'>/swagger</a>: try the API<li><a "
         "href='/openapi.json'>/openapi.json</a>: its description (OpenAPI 3.1)<li><a "
         "href='/health/ready'>/health/ready</a> and <a href='/health/live'>/health/live</a><li><a "
         "href='/metrics'>/metrics</a>: figures for Prometheus</ul><p>The API stands below "
         "<code>/v1</code> and asks for a key: <code>Authorization: Bearer …</code>.</html>";
}

constexpr std::string_view swagger_page =
    "<!doctype html><html lang=en><meta charset=utf-8><title>Stoa API</title>"
    "<link rel=stylesheet href='/swagger/swagger-ui.css'><div id=swagger-ui></div>"
    "<script src='/swagger/swagger-ui-bundle.js'></script>"
    "<script src='/swagger/start.js'></script></html>";

constexpr std::string_view swagger_start =
    "window.ui = SwaggerUIBundle({url: '/openapi.json', dom_id: '#swagger-ui', validatorUrl: "
    "null});"
    "\n";

constexpr std::string_view swagger_policy =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

Response page(std::string body, std::string type, std::string_view policy) {
  return {200,
          std::move(body),
          std::move(type),
          {{"Content-Security-Policy", std::string(policy)},
           {"X-Content-Type-Options", "nosniff"},
           {"Cache-Control", "no-cache"}}};
}

using Files = std::map<std::string, std::pair<std::string, std::string>, std::less<>>;

/// The few files of the package that the page needs, read once: no path of a client reaches the
/// disk.
Files swagger_files(const std::string& folder) {
  Files files;
  const std::pair<const char*, const char*> wanted[] = {
      {"swagger-ui.css", "text/css"}, {"swagger-ui-bundle.js", "text/javascript"}};
  for (const auto& [name, type] : wanted)
    if (auto text = read_file(folder + "/" + name)) files[name] = {std::move(*text), type};
  if (files.size() != std::size(wanted)) return {};
  files["start.js"] = {std::string(swagger_start), "text/javascript"};
  return files;
}

void add_open(http::Router& router, std::string path, std::string summary, http::Handler handler,
              bool rate_limited = true) {
  router.add({.method = "GET",
              .path = std::move(path),
              .access = Access::open,
              .summary = std::move(summary),
              .tag = "Operations",
              .handler = std::move(handler),
              .rate_limited = rate_limited});
}

/// What a monitor asks: a limit here would call a busy shop a dead one.
void add_probe(http::Router& router, std::string path, std::string summary, http::Handler handler) {
  add_open(router, std::move(path), std::move(summary), std::move(handler), false);
}

Response not_ready() {
  auto response = http::json_response(503, R"({"status":"not ready"})");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

void add_pages(http::Router& router, const GatewayOptions& options, telemetry::Metrics& metrics) {
  add_open(
      router, "/", "What runs here",
      [text = front_page(options.version, options.about)](const RequestPtr&, const Reply& reply) {
        reply(page(text, "text/html; charset=utf-8",
                   "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                   "frame-ancestors 'none'"));
      });
  add_probe(router, "/health/live", "Whether the process runs",
            [](const RequestPtr&, const Reply& reply) {
              reply(http::json_response(200, R"({"status":"live"})"));
            });
  add_probe(router, "/health/ready", "Whether it takes requests",
            [ready = options.ready](const RequestPtr&, const Reply& reply) {
              reply(ready() ? http::json_response(200, R"({"status":"ready"})") : not_ready());
            });
  add_probe(router, "/metrics", "Figures for Prometheus",
            [&metrics](const RequestPtr&, const Reply& reply) {
              reply({200, metrics.text(), "text/plain; version=0.0.4", {}});
            });
  auto describe = options.description;
  if (!describe)
    describe = [&router, version = options.version](const auto& then) {
      then(http::openapi(router, version));
    };
  add_open(router, "/openapi.json", "This description",
           [describe](const RequestPtr& request, const Reply& reply) {
             describe([request, reply](std::optional<std::string> text) {
               if (!text) return reply(http::problem(overloaded(), *request));
               auto description = http::json_response(200, std::move(*text));
               description.headers.emplace_back("Cache-Control", "no-cache");
               reply(std::move(description));
             });
           });
  const auto files = std::make_shared<const Files>(swagger_files(options.swagger_folder));
  const auto missing = [files](const RequestPtr& request) {
    return http::problem(
        files->empty() ? Error{ErrorKind::not_found, "swagger_missing",
                               "Swagger UI is not here: `./dev build` fetches it."}
                       : Error{ErrorKind::not_found, "file_not_found", "There is no such file."},
        *request);
  };
  add_open(router, "/swagger", "Swagger UI",
           [files, missing](const RequestPtr& request, const Reply& reply) {
             reply(files->empty() ? missing(request)
                                  : page(std::string(swagger_page), "text/html; charset=utf-8",
                                         swagger_policy));
           });
  add_open(router, "/swagger/{file}", "A file of Swagger UI",
           [files, missing](const RequestPtr& request, const Reply& reply) {
             const auto at = files->find(request->param("file"));
             reply(at == files->end() ? missing(request)
                                      : page(at->second.first, at->second.second, swagger_policy));
           });
}

}  // namespace stoa
