#include "main/fleet_jobs.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "kernel/http/typed.hpp"
#include "kernel/json/value.hpp"

namespace stoa {
namespace {

constexpr std::string_view path = "/v1/jobs";
constexpr std::array<std::string_view, 2> services{"catalog", "ordering"};

std::string_view text_in(const json::Object* object, std::string_view name) {
  const auto* value = object == nullptr ? nullptr : object->if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->as_string()) : "";
}

/// Catalog says what is wrong with one that nobody has.
std::string_view service_of(const http::Request& request) {
  auto body = json::parse(request.body);
  const auto* job = body ? body->if_object() : nullptr;
  const auto* parameters = job == nullptr ? nullptr : job->if_contains("parameters");
  const auto kind = text_in(job, "kind");
  const bool of_orders =
      parameters != nullptr && text_in(parameters->if_object(), "of") == "orders";
  return kind == "deadline-sweep" || (kind == "export" && of_orders) ? "ordering" : "catalog";
}

/// The newest first, of all services.
struct ListQuery : std::enable_shared_from_this<ListQuery> {
  Forwarder* forwarder = nullptr;
  http::RequestPtr request;
  http::Reply reply;
  std::size_t limit = 0;
  bool more = false;
  std::vector<json::Value> jobs;

  void ask(std::size_t at) {
    if (at == services.size()) return answer();
    forwarder->ask_whole(
        services[at],
        {.target = std::string(path) + (request->query.empty() ? "" : "?") + request->query,
         .headers = headers_for_all(*request)},
        [self = shared_from_this(), at](http::UpstreamAnswer answer) {
          const std::string service(services[at]);
          if (!answer) return self->reply(no_answer(answer.error(), service, *self->request));
          if (answer->status != 200) return self->reply(std::move(*answer));
          if (!self->take(*answer))
            return self->reply(no_answer(http::UpstreamFault::broken, service, *self->request));
          self->ask(at + 1);
        });
  }

  bool take(const http::Response& page) {
    auto value = json::parse(page.body);
    auto* object = value ? value->if_object() : nullptr;
    auto* items = object == nullptr ? nullptr : object->if_contains("data");
    if (items == nullptr || !items->is_array()) return false;
    std::ranges::move(items->as_array(), std::back_inserter(jobs));
    more = more || !text_in(object, "next_cursor").empty();
    return true;
  }

  void answer() {
    const auto id_of = [](const json::Value& job) { return text_in(job.if_object(), "id"); };
    std::ranges::sort(jobs, std::greater<>(), id_of);
    if (jobs.size() > limit) {
      jobs.resize(limit);
      more = true;
    }
    json::Object page{{"data", json::Array(jobs.begin(), jobs.end())}, {"next_cursor", nullptr}};
    if (more && !jobs.empty()) page["next_cursor"] = std::string(id_of(jobs.back()));
    reply(http::json_response(200, boost::json::serialize(page)));
  }
};

void list(Forwarder& forwarder, const http::RequestPtr& request, const http::Reply& reply) {
  const auto asked = std::make_shared<ListQuery>();
  http::Query query(*request);
  asked->limit = static_cast<std::size_t>(query.integer("limit", 1, 200, 50));
  asked->forwarder = &forwarder;
  asked->request = request;
  asked->reply = reply;
  asked->ask(0);
}

/// The first service that knows the job.
void find(const std::shared_ptr<const std::vector<http::Handler>>& to, std::size_t at,
          const http::RequestPtr& request, const http::Reply& reply) {
  (*to)[at](request, [to, at, request, reply](http::Response answer) {
    const bool is_unknown = answer.status == 404 && !answer.stream &&
                            answer.body.find(R"("unknown_job")") != std::string::npos;
    if (is_unknown && at + 1 < to->size()) return find(to, at + 1, request, reply);
    reply(std::move(answer));
  });
}

}  // namespace

http::Handler fleet_jobs(Forwarder& forwarder) {
  auto to = std::make_shared<std::vector<http::Handler>>();
  for (const auto service : services) to->push_back(forwarder.to(std::string(service)));
  return [&forwarder, to = std::shared_ptr<const std::vector<http::Handler>>(std::move(to))](
             const http::RequestPtr& request, const http::Reply& reply) {
    if (request->path != path) return find(to, 0, request, reply);
    if (request->method == "GET" || request->method == "HEAD")
      return list(forwarder, request, reply);
    const auto at = std::ranges::find(services, service_of(*request)) - services.begin();
    (*to)[static_cast<std::size_t>(at)](request, reply);
  };
}

}  // namespace stoa
