#include "kernel/http/message.hpp"

#include <gtest/gtest.h>

#include "kernel/http/typed.hpp"

namespace stoa::http {
namespace {

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

Request with_header(std::string name, std::string value) {
  Request request;
  request.headers = {{std::move(name), std::move(value)}};
  return request;
}

Request with_query(std::string query) {
  Request request;
  request.query = std::move(query);
  return request;
}

TEST(Problem, HasTheMembersOfRfc9457AndOurs) {
  Request request;
  request.request_id = "r1";
  request.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const Error error{
      ErrorKind::invalid, "invalid_body", "No.", {{"/a/0", "missing", "Is missing."}}};
  const auto response = problem(error, request);
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.content_type, "application/problem+json");
  const auto body = json::parse(response.body).value();
  EXPECT_EQ(body.at_pointer("/status"), 422);
  EXPECT_EQ(body.at_pointer("/code"), "invalid_body");
  EXPECT_EQ(body.at_pointer("/detail"), "No.");
  EXPECT_EQ(body.at_pointer("/errors/0/pointer"), "/a/0");
  EXPECT_EQ(body.at_pointer("/request_id"), "r1");
  EXPECT_EQ(body.at_pointer("/trace_id"), "0af7651916cd43dd8448eb211c80319c");
}

TEST(Problem, SaysWhatToDoNext) {
  const Request none;
  EXPECT_EQ(header_of(problem({ErrorKind::method_not_allowed, "c", "d", {}, "GET"}, none), "Allow"),
            "GET");
  EXPECT_EQ(header_of(problem({ErrorKind::conflict, "c", "d", {}, "/v1/x"}, none), "Location"),
            "/v1/x");
  EXPECT_EQ(header_of(problem({ErrorKind::unavailable, "c", "d"}, none), "Retry-After"), "1");
  EXPECT_EQ(header_of(problem({ErrorKind::rate_limited, "c", "d"}, none), "Retry-After"), "1");
  EXPECT_EQ(header_of(problem({ErrorKind::unauthenticated, "c", "d"}, none), "WWW-Authenticate"),
            "Bearer");
}

TEST(Typed, BodyMustBeDeclaredAsJson) {
  EXPECT_TRUE(require_json(with_header("content-type", "application/json; charset=utf-8")));
  EXPECT_TRUE(require_json(with_header("content-type", "Application/JSON")));
  EXPECT_EQ(require_json(with_header("content-type", "text/json")).error().kind,
            ErrorKind::unsupported_media);
  EXPECT_FALSE(require_json(Request{}));
}

TEST(Typed, IdempotencyKeyIsRequiredAndPrintable) {
  const auto key = [](std::string value) {
    return idempotency_key(with_header("idempotency-key", std::move(value)));
  };
  EXPECT_EQ(key("a b~").value(), "a b~");
  EXPECT_EQ(key(std::string(255, 'x')).value().size(), 255U);
  EXPECT_EQ(key(std::string(256, 'x')).error().kind, ErrorKind::invalid);
  EXPECT_EQ(key("caf\xc3\xa9").error().code, "idempotency_key_invalid");
  EXPECT_EQ(key("").error().kind, ErrorKind::precondition_required);
  EXPECT_EQ(key("").error().fields.at(0).pointer, "header/Idempotency-Key");
}

TEST(Typed, PreferWaitIsCapped) {
  const auto wait = [](std::string value) {
    return prefer_wait_seconds(with_header("prefer", std::move(value)));
  };
  EXPECT_EQ(wait("wait=5"), 5);
  EXPECT_EQ(wait("respond-async, Wait=10; x=1"), 10);
  EXPECT_EQ(wait("wait=31"), 30);
  EXPECT_EQ(wait("wait=99999999999999999999999"), 30);
  for (const auto* value : {"wait=-1", "wait=", "wait=x", "nowait=5", "", ",,", "wait=5x"})
    EXPECT_EQ(wait(value), 0) << value;
}

TEST(Typed, IfMatchIsARevision) {
  const auto revision = [](std::string value) {
    return if_match_revision(with_header("if-match", std::move(value)));
  };
  EXPECT_EQ(revision("\"12\"").value(), 12);
  EXPECT_EQ(revision("*").value(), std::nullopt);
  EXPECT_EQ(revision("").value(), std::nullopt);
  for (const auto* value :
       {"12", "\"\"", "\"x\"", "\"1", "\"99999999999999999999\"", "\"-1\"", "\"-2-gzip\""})
    EXPECT_FALSE(revision(value)) << value;
}

TEST(QueryReader, ReadsBracketedNamesAndNumbers) {
  const auto request = with_query("filter%5Bstatus%5D=a+b&limit=7&on=true&&flag");
  Query query(request);
  EXPECT_EQ(query.text("filter[status]"), "a b");
  EXPECT_EQ(query.integer("limit", 1, 10, 5), 7);
  EXPECT_EQ(query.integer("other", 1, 10, 5), 5);
  EXPECT_TRUE(query.flag("on", false));
  EXPECT_EQ(query.text("flag"), "");
  EXPECT_TRUE(query.finish());
}

TEST(QueryReader, CollectsEveryFault) {
  const auto request = with_query("limit=11&limit=x&unknown=1&at=yesterday");
  Query query(request);
  query.integer("limit", 1, 10, 5);
  query.time("at");
  const auto result = query.finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "invalid_query");
  std::vector<std::string> faults;
  for (const auto& one : result.error().fields) faults.push_back(one.pointer + " " + one.code);
  EXPECT_EQ(faults,
            (std::vector<std::string>{"query/limit given_twice", "query/limit out_of_range",
                                      "query/at wrong_time", "query/unknown unknown_parameter"}));
}

TEST(QueryReader, IllFormedEncodingIsAFault) {
  for (const auto* text : {"a=%", "a=%f", "a=%ff", "%zz=1"}) {
    const auto request = with_query(text);
    Query query(request);
    query.text("a");
    EXPECT_FALSE(query.finish()) << text;
  }
}

}  // namespace
}  // namespace stoa::http
