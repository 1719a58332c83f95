#include "kernel/jobs/export.hpp"

#include "kernel/base/text.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"

namespace stoa::jobs {
namespace {

Result<ExportRequest> read_request(const ExportSource& source, const http::Request& request) {
  http::Query query(request);
  ExportRequest wanted;
  wanted.after = query.text("after").value_or("");
  if (source.takes_currency) {
    const auto currency = Currency::parse(query.text("currency").value_or("GBP"));
    if (currency)
      wanted.currency = *currency;
    else
      query.error("currency", "unknown_currency", "Must be a code of ISO 4217.");
  }
  if (auto good = query.finish(); !good) return fail(std::move(good.error()));
  return wanted;
}

std::string target_of(const ExportSource& source, const ExportRequest& wanted) {
  auto target = "/v1/exports/" + source.name + "?after=" + percent_encode(wanted.after);
  if (source.takes_currency) target.append("&currency=").append(wanted.currency.code());
  return target;
}

}  // namespace

Error wrong_cursor() {
  return {ErrorKind::invalid,
          "wrong_cursor",
          "Is no cursor of this export.",
          {{"query/after", "wrong_cursor", "Must be a Stoa-Cursor of this export."}}};
}

void add_export_route(http::Router& router, const ExportSourcePtr& source) {
  std::vector<http::QueryParameter> parameters{
      {"after", "Stoa-Cursor of the page before; absent: from the beginning"}};
  if (source->takes_currency)
    parameters.push_back({"currency", "of the prices; GBP when left out"});
  router.add({.method = "GET",
              .path = "/v1/exports/" + source->name,
              .summary = source->summary,
              .tag = "Exports",
              .handler =
                  [source](const http::RequestPtr& request, http::Reply reply) {
                    auto wanted = read_request(*source, *request);
                    if (!wanted) return reply(http::problem(wanted.error(), *request));
                    http::answer_from_replica(
                        *source->readers, request, std::move(reply),
                        [source, request, wanted = *wanted](Store store) mutable {
                          auto page = source->page(store, wanted);
                          if (!page) return http::problem(page.error(), *request);
                          http::Response answer{200, std::move(page->text), source->content_type};
                          answer.headers.emplace_back("Stoa-Cursor", page->cursor);
                          wanted.after = page->cursor;
                          if (page->more)
                            answer.headers.emplace_back(
                                "Link", "<" + target_of(*source, wanted) + ">; rel=\"next\"");
                          return answer;
                        });
                  },
              .query = std::move(parameters)});
}

}  // namespace stoa::jobs
