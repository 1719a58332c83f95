#include <algorithm>
#include <string>

#include "fuzz/targets.hpp"
#include "kernel/eventlog/epochs.hpp"
#include "kernel/eventlog/positions.hpp"
#include "kernel/http/chunked_body.hpp"
#include "kernel/http/event_lines.hpp"
#include "kernel/http/event_stream.hpp"
#include "kernel/http/multipart.hpp"
#include "kernel/http/representation.hpp"
#include "kernel/http/request_head.hpp"
#include "kernel/http/router.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/telemetry/trace.hpp"
#include "services/catalog/api/search_query.hpp"

namespace stoa::fuzz {
namespace {

/// What a connection makes of its bytes, however they arrive: the status of a refusal, 200 for a
/// request, 0 when more is needed.
struct Outcome {
  int status = 0;
  std::string body;
  std::size_t taken = 0;
  bool operator==(const Outcome&) const = default;
};

constexpr std::size_t body_max = 1'000;

Outcome read_chunks(std::string_view bytes, std::size_t piece) {
  http::ChunkedBody chunks(body_max);
  Outcome outcome;
  while (!chunks.is_done() && outcome.taken < bytes.size()) {
    const auto taken = chunks.take(bytes.substr(outcome.taken, piece), outcome.body);
    if (!taken) return {taken.error().status, {}, 0};
    require(*taken > 0, "a reader of chunks goes on");
    outcome.taken += *taken;
  }
  outcome.status = chunks.is_done() ? 200 : 0;
  require(outcome.body.size() <= body_max, "a body is within its limit");
  return outcome;
}

Outcome read_request(std::string_view bytes, std::size_t piece) {
  http::HeadEnd end;
  std::size_t come = 0;
  for (;;) {
    come = std::min(bytes.size(), come + piece);
    const auto size = end.find(bytes.substr(0, come));
    if (!size) return {size.error().status, {}, 0};
    if (!*size && come == bytes.size()) return {};
    if (!*size) continue;
    const auto head = http::parse_head(bytes.substr(0, **size));
    if (!head) return {head.error().status, {}, 0};
    require(!(head->chunked && head->content_length), "one framing");
    require(head->fields.size() <= http::head_fields_max, "a bounded number of fields");
    const auto rest = bytes.substr(**size);
    if (head->chunked) return read_chunks(rest, piece);
    const auto length = head->content_length.value_or(0);
    if (length > body_max) return {413, {}, 0};
    if (length > rest.size()) return {};
    return {200, std::string(rest.substr(0, length)), **size + length};
  }
}

http::Request request_of(std::string_view& input) {
  http::Request request;
  request.method = "GET";
  request.query = take_line(input);
  return request;
}

}  // namespace

void http_request(std::string_view input) {
  const auto whole = read_request(input, input.size() + 1);
  for (const std::size_t piece : {1U, 3U, 64U})
    require(read_request(input, piece) == whole, "pieces do not change a request");
  read_chunks(input, 7);
}

void multipart(std::string_view input) {
  const auto type = take_line(input);
  const auto parts = http::read_form(type, input);
  if (!parts) return;
  std::size_t bytes = 0;
  for (const auto& part : *parts) bytes += part.content.size();
  require(bytes <= input.size(), "parts are parts of the body");
}

void negotiation(std::string_view input) {
  http::Request request;
  for (const auto* name : {"accept-encoding", "if-none-match", "if-match", "idempotency-key",
                           "prefer", "content-type"})
    request.headers.emplace_back(name, take_line(input));
  const auto coding = http::coding_for(request.header("accept-encoding"));
  http::is_known(request, "\"12\"");
  http::is_known(request, http::tag_of("\"12\"", coding));
  if (const auto revision = http::if_match_revision(request); revision && *revision)
    require(**revision >= 0, "a revision is none below 0");
  if (const auto key = http::idempotency_key(request))
    require(!key->empty() && key->size() <= 255, "a key is bounded");
  const auto seconds = http::prefer_wait_seconds(request);
  require(seconds >= 0 && seconds <= 30, "a wait is bounded");
  (void)http::require_json(request);
  (void)telemetry::parse_traceparent(input);
}

void query(std::string_view input) {
  auto request = request_of(input);
  const auto wanted = catalog::read_search(request);
  if (wanted) {
    require(wanted->query.limit >= 1 && wanted->query.limit <= 100, "a page is bounded");
    catalog::cursor_after(*wanted, {"id", std::string(input.substr(0, 100))});
  }
  http::Query reader(request);
  reader.time("from");
  reader.integer("limit", 1, 200, 50);
  reader.flag("dry_run", false);
  (void)reader.finish();
  static const auto router = [] {
    http::Router all;
    for (const auto* path : {"/v1/orders/{id}", "/v1/orders/{id}/events", "/v1/products", "/"})
      all.add({"GET", path, http::Access::open, "", "", [](const auto&, auto) {}});
    return all;
  }();
  if (const auto match = router.match("GET", take_line(input)))
    for (const auto& [name, value] : match->params) require(!name.empty(), "parameters have names");
}

void cursors(std::string_view input) {
  static const ServiceEpochs epochs({{"catalog", LogEpochs({{1764000000000, 12}})}});
  const auto plain = epochs.unmark(input);
  if (plain) (void)epochs.mark(*plain);
  if (const auto positions = parse_positions(input))
    require(parse_positions(to_text(*positions)) == positions, "positions are read as written");
  http::Request request;
  request.query = "q=a&cursor=" + std::string(input);
  (void)catalog::read_search(request);
}

void sse(std::string_view input) {
  const auto read = [&](std::size_t piece) {
    http::EventLines lines;
    std::string told;
    for (std::size_t at = 0; at < input.size(); at += piece)
      (void)lines.push(input.substr(at, piece), [&](const http::ReceivedEvent& event) {
        told += event.id + '\0' + event.type + '\0' + event.data + '\0';
        return true;
      });
    return told + lines.last_id();
  };
  require(read(1) == read(input.size() + 1), "pieces do not change a stream");
  if (input.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return;
  std::string sent;
  http::append_event(sent, input, "type", input);
  http::EventLines lines;
  bool came = false;
  (void)lines.push(sent, [&](const http::ReceivedEvent& event) {
    came = event.data == input && event.id == input;
    return true;
  });
  require(came || input.empty(), "an event comes as it was sent");
}

}  // namespace stoa::fuzz
