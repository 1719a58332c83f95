#include "main/template_previews.hpp"

#include "gateway/forwarder.hpp"
#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"
#include "services/notification/module.hpp"

namespace stoa {
namespace {

constexpr std::string_view path = "/v1/notifications/templates/{kind}/{channel}/{language}/preview";
constexpr std::string_view task_type = "notification.Preview.v1";

/// A request of a client whose key the gateway has seen.
struct PreviewAsked {
  std::string path, content_type;
  std::string body;  ///< base 64: it need not be a text
  std::string request_id;
  static constexpr auto fields() {
    using namespace json;
    using P = PreviewAsked;
    return std::tuple{field("path", &P::path), field("content_type", &P::content_type),
                      field("body", &P::body), field("request_id", &P::request_id)};
  }
};

struct PreviewAnswered {
  std::int64_t status = 0;
  std::string content_type, body;
  static constexpr auto fields() {
    using namespace json;
    using P = PreviewAnswered;
    return std::tuple{field("status", &P::status), field("content_type", &P::content_type),
                      field("body", &P::body)};
  }
};

http::Response response_of(const Result<std::string>& answer, const http::Request& request) {
  const auto none = [&](http::UpstreamFault fault) {
    return no_answer(fault, "notification", request);
  };
  if (!answer) return none(http::UpstreamFault::timed_out);
  auto said = json::read_stored<PreviewAnswered>(*answer);
  if (!said) return none(http::UpstreamFault::broken);
  return {static_cast<int>(said->status), std::move(said->body), std::move(said->content_type)};
}

http::RequestPtr request_of(const PreviewAsked& asked, const std::string& traceparent,
                            const http::Router& router, Timestamp now) {
  auto match = router.match("POST", asked.path);
  auto body = from_base64(asked.body);
  if (!match || match->route->path != path || !body) return nullptr;
  auto request = std::make_shared<http::Request>();
  request->method = "POST";
  request->path = asked.path;
  request->headers = {{"content-type", asked.content_type}};
  request->body = std::move(*body);
  request->route = match->route;
  request->params = std::move(match->params);
  request->principal = http::Principal::secret;
  request->request_id = asked.request_id;
  request->traceparent = traceparent;
  request->received_at = now;
  return request;
}

}  // namespace

void add_template_previews(http::Router& router, messaging::TaskCaller& caller, Duration deadline,
                           const Clock& clock, http::Handler forward) {
  const auto ask = [&caller, deadline, &clock, forward = std::move(forward)](
                       const http::RequestPtr& request, const http::Reply& reply) {
    const PreviewAsked asked{request->path, std::string(request->header("content-type")),
                             to_base64(request->body), request->request_id};
    caller.ask(notification::preview_queue(),
               {request->request_id, std::string(task_type), request->traceparent, clock.now(),
                json::to_json(asked)},
               deadline, [request, reply, forward](const Result<std::string>& answer) {
                 if (!answer && answer.error().kind == ErrorKind::unavailable)
                   return forward(request, reply);
                 reply(response_of(answer, *request));
               });
  };
  router
      .add({.method = "POST",
            .path = std::string(path),
            .access = http::Access::secret,
            .summary = "Write a message without sending it",
            .tag = "Notifications",
            .handler = ask})
      .also = {504};
}

messaging::TakeTask answers_previews(const http::Router& router, const Clock& clock,
                                     std::function<void(const std::string&)> warn) {
  return [&router, &clock, warn = std::move(warn)](const messaging::ReceivedTask& received,
                                                   const messaging::Settle& settle) {
    const auto asked = json::read_stored<PreviewAsked>(received.task.data);
    const auto request =
        asked ? request_of(*asked, received.task.traceparent, router, clock.now()) : nullptr;
    if (!request) {
      warn("A request for a preview cannot be read.");
      return settle(messaging::TaskOutcome::refused, {});
    }
    request->route->handler(request, [settle](const http::Response& answer) {
      settle(messaging::TaskOutcome::done,
             json::to_json(PreviewAnswered{answer.status, answer.content_type, answer.body}));
    });
  };
}

}  // namespace stoa
