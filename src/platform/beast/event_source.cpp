#include "platform/beast/event_source.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <csignal>

#include "kernel/json/value.hpp"

namespace stoa::beast {
namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t problem_bytes_max = 65'536;

class Reading {
 public:
  Reading(const EventRequest& request, http::EventLines& lines, const http::EventLines::Take& take)
      : request_(request), lines_(lines), take_(take) {
    parser_.body_limit(boost::none);
    signals_.async_wait([this](error_code code, int) {
      if (code) return;
      told_to_end_ = true;
      stream_.close();
    });
  }

  Result<StreamEnd> run() {
    if (!begin()) {
      if (told_to_end_) return StreamEnd::told_to_end;
      return fail(ErrorKind::unavailable, "unreachable",
                  "No answer from " + request_.host + ":" + std::to_string(request_.port) + ".");
    }
    const bool good = parser_.get().result_int() == 200;
    std::string problem;
    while (!parser_.is_done()) {
      parser_.get().body().data = bytes_.data();
      parser_.get().body().size = bytes_.size();
      step([this](auto then) { bhttp::async_read_some(stream_, buffer_, parser_, then); });
      const std::string_view read(bytes_.data(), bytes_.size() - parser_.get().body().size);
      if (good) {
        const auto go_on = lines_.push(read, take_);
        if (!go_on) return fail(go_on.error());
        if (!*go_on) return StreamEnd::taken;
      } else if (problem.size() < problem_bytes_max) {
        problem += read;
      }
      if (told_to_end_) return StreamEnd::told_to_end;
      if (code_ && code_ != bhttp::error::need_buffer) break;
    }
    if (good) return StreamEnd::ended;
    return refused(problem);
  }

 private:
  bool begin() {
    asio::ip::tcp::resolver resolver(context_);
    const auto found = resolver.resolve(request_.host, std::to_string(request_.port), code_);
    if (code_) return false;
    step([&](auto then) {
      stream_.async_connect(found, [then](error_code code, const auto&) { then(code, 0); });
    });
    if (code_) return false;
    bhttp::request<bhttp::empty_body> message(bhttp::verb::get, request_.target, 11);
    message.set(bhttp::field::host, request_.host + ":" + std::to_string(request_.port));
    message.set(bhttp::field::accept, "text/event-stream");
    for (const auto& [name, value] : request_.headers) message.set(name, value);
    lines_.restart();
    if (!lines_.last_id().empty()) message.set("Last-Event-ID", lines_.last_id());
    step([&](auto then) { bhttp::async_write(stream_, message, then); });
    if (code_) return false;
    step([this](auto then) { bhttp::async_read_header(stream_, buffer_, parser_, then); });
    return !code_;
  }

  /// One operation, until it has ended or its time is over.
  template <class Begin>
  void step(Begin&& begin) {
    bool ended = false;
    stream_.expires_after(request_.silence_max);
    begin([this, &ended](error_code code, std::size_t) {
      code_ = code;
      ended = true;
    });
    while (!ended) context_.run_one();
  }

  Result<StreamEnd> refused(const std::string& problem) {
    const auto body = json::parse(problem);
    const auto* members = body ? body->if_object() : nullptr;
    const auto* detail = members == nullptr ? nullptr : members->if_contains("detail");
    const auto status = parser_.get().result_int();
    return fail(status == 503 ? ErrorKind::unavailable : ErrorKind::invalid, "refused",
                detail != nullptr && detail->is_string()
                    ? std::string(detail->get_string())
                    : "The shop answered " + std::to_string(status) + ".");
  }

  const EventRequest& request_;
  http::EventLines& lines_;
  const http::EventLines::Take& take_;
  asio::io_context context_{1};
  asio::signal_set signals_{context_, SIGINT, SIGTERM};
  boost::beast::tcp_stream stream_{context_};
  boost::beast::flat_buffer buffer_;
  bhttp::response_parser<bhttp::buffer_body> parser_;
  std::array<char, 65'536> bytes_;
  error_code code_;
  bool told_to_end_ = false;
};

}  // namespace

Result<StreamEnd> read_events(const EventRequest& request, http::EventLines& lines,
                              const http::EventLines::Take& take) {
  const auto reading = std::make_unique<Reading>(request, lines, take);
  return reading->run();
}

}  // namespace stoa::beast
