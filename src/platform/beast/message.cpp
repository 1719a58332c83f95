#include "platform/beast/message.hpp"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <chrono>

#include "kernel/base/text.hpp"

namespace stoa::beast {
namespace {

namespace bhttp = boost::beast::http;

/// Bodies up to this size are sent in one piece with their header.
constexpr std::size_t one_piece_bytes_max = std::size_t{16} << 10;

bool is_bodiless(const http::Response& response) {
  return response.status == 204 || response.status == 304;
}

bool can_stand_in_header(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

std::string head_of(const http::Response& response, unsigned version, bool keep_alive,
                    std::string_view body_end) {
  std::string head(version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ");
  head.reserve(1'024);
  const auto status = static_cast<unsigned>(response.status);
  const auto line = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  const auto& fields = response.headers;
  // A field that comes again takes the place of the one before; links are a list (RFC 8288).
  const auto comes_again = [&fields](std::string_view name, std::size_t after) {
    if (ascii_iequals(name, "Link")) return false;
    return std::any_of(fields.begin() + static_cast<std::ptrdiff_t>(after), fields.end(),
                       [&](const auto& other) { return ascii_iequals(other.first, name); });
  };
  head.append(std::to_string(status)).append(" ");
  head.append(bhttp::obsolete_reason(bhttp::int_to_status(status))).append("\r\n");
  line("Server", "Stoa");
  line("Date", http::http_date(std::chrono::floor<std::chrono::microseconds>(
                   std::chrono::system_clock::now())));
  if (!is_bodiless(response) && !response.content_type.empty() && !comes_again("Content-Type", 0))
    line("Content-Type", response.content_type);
  for (std::size_t at = 0; at < fields.size(); ++at)
    if (can_stand_in_header(fields[at].second) && !comes_again(fields[at].first, at + 1))
      line(fields[at].first, fields[at].second);
  if (version == 11 && !keep_alive) line("Connection", "close");
  if (version == 10 && keep_alive) line("Connection", "keep-alive");
  return head.append(body_end).append("\r\n");
}

Message::Message(http::Response&& response, unsigned version, bool keep_alive, bool without_body) {
  const bool bodiless = is_bodiless(response);
  first = head_of(response, version, keep_alive,
                  bodiless ? std::string()
                           : "Content-Length: " + std::to_string(response.body.size()) + "\r\n");
  if (bodiless || without_body) return;
  if (response.body.size() <= one_piece_bytes_max)
    first += response.body;
  else
    second = std::move(response.body);
}

}  // namespace stoa::beast
