#include "kernel/http/representation.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/base/assert.hpp"
#include "kernel/base/text.hpp"

namespace stoa::http {
namespace {

std::string_view name_of(Coding coding) {
  switch (coding) {
    case Coding::gzip:
      return "gzip";
    case Coding::zstd:
      return "zstd";
    case Coding::identity:
      break;
  }
  return {};
}

/// The next member of a comma-separated list; the list moves past it.
std::string_view next_member(std::string_view& list) {
  const auto end = std::min(list.find(','), list.size());
  const auto member = trim(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return member;
}

/// In thousandths: `;q=0.5` is 500. What is malformed weighs nothing.
int weight_of(std::string_view parameters) {
  const auto at = parameters.find(';');
  if (at == std::string_view::npos) return 1'000;
  auto text = trim(parameters.substr(at + 1));
  if (!ascii_iequals(text.substr(0, 2), "q=")) return 1'000;
  text.remove_prefix(2);
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  int weight = (text[0] - '0') * 1'000;
  if (text.size() > 1 && text[1] != '.') return 0;
  int unit = 100;
  for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (digit < '0' || digit > '9') return 0;
    weight += (digit - '0') * unit;
    unit /= 10;
  }
  return std::min(weight, 1'000);
}

bool lists_tag(std::string_view list, std::string_view tag) {
  const auto opaque = [](std::string_view text) {
    if (text.starts_with("W/")) text.remove_prefix(2);
    return text;
  };
  while (!list.empty()) {
    const auto member = next_member(list);
    if (member == "*" || opaque(member) == opaque(tag)) return true;
  }
  return false;
}

void set_header(Response& response, std::string_view name, std::string value) {
  for (auto& [key, old] : response.headers)
    if (ascii_iequals(key, name)) {
      old = std::move(value);
      return;
    }
  response.headers.emplace_back(name, std::move(value));
}

}  // namespace

Coding coding_for(std::string_view accept_encoding) {
  std::array<int, 3> weights{-1, -1, -1};  // of each coding; -1: not named
  int others = 0;
  while (!accept_encoding.empty()) {
    const auto member = next_member(accept_encoding);
    const auto name = trim(member.substr(0, member.find(';')));
    const int weight = weight_of(member);
    if (name == "*") others = weight;
    for (const auto coding : {Coding::gzip, Coding::zstd})
      if (ascii_iequals(name, name_of(coding)) ||
          (coding == Coding::gzip && ascii_iequals(name, "x-gzip")))
        weights[static_cast<std::size_t>(coding)] = weight;
    if (ascii_iequals(name, "identity")) weights[0] = weight;
  }
  auto best = Coding::identity;
  int most = std::max(weights[0], 0);
  for (const auto coding : {Coding::gzip, Coding::zstd}) {
    const int named = weights[static_cast<std::size_t>(coding)];
    const int weight = named >= 0 ? named : others;
    if (weight == 0 || weight < most) continue;
    most = weight;
    best = coding;
  }
  return best;
}

std::optional<std::string> encode(const Codecs& codecs, Coding coding, std::string_view body) {
  if (coding == Coding::identity || body.size() < compressed_bytes_min) return std::nullopt;
  auto packed = coding == Coding::gzip ? codecs.gzip(body) : codecs.zstd(body);
  if (packed.size() >= body.size()) return std::nullopt;
  return packed;
}

std::string tag_of(std::string_view tag, Coding coding) {
  if (coding == Coding::identity || !tag.ends_with('"')) return std::string(tag);
  return std::string(tag.substr(0, tag.size() - 1)).append("-").append(name_of(coding)) + '"';
}

std::string revision_tag(std::int64_t revision) { return '"' + std::to_string(revision) + '"'; }

std::string content_tag(const Crypto& crypto, std::string_view body) {
  return "\"c" + to_hex(crypto.sha256(body)).substr(0, 24) + '"';
}

std::string_view header_of(const Response& response, std::string_view name) {
  const auto at = std::ranges::find_if(
      response.headers, [&](const auto& one) { return ascii_iequals(one.first, name); });
  return at == response.headers.end() ? std::string_view() : std::string_view(at->second);
}

void vary_by(Response& response, std::string_view field) {
  const auto known = header_of(response, "Vary");
  for (auto rest = known; !rest.empty();)
    if (ascii_iequals(next_member(rest), field)) return;
  set_header(response, "Vary",
             known.empty() ? std::string(field) : std::string(known).append(", ").append(field));
}

void apply_coding(Response& response, Coding coding, std::string body) {
  response.body = std::move(body);
  if (coding == Coding::identity) return;
  response.headers.emplace_back("Content-Encoding", name_of(coding));
  if (const auto tag = header_of(response, "ETag"); !tag.empty())
    set_header(response, "ETag", tag_of(tag, coding));
}

bool is_known(const Request& request, std::string_view tag) {
  return !tag.empty() && lists_tag(request.header("if-none-match"), tag);
}

void apply_condition(Response& response, const Request& request) {
  if (response.status != 200 || !is_known(request, header_of(response, "ETag"))) return;
  response.status = 304;
  response.body.clear();
  std::erase_if(response.headers,
                [](const auto& one) { return ascii_iequals(one.first, "Content-Encoding"); });
}

std::string pack(const Codecs& codecs, std::string_view tag, std::string_view body) {
  const auto gzip = encode(codecs, Coding::gzip, body).value_or("");
  const auto zstd = encode(codecs, Coding::zstd, body).value_or("");
  const std::array<std::uint64_t, 4> sizes{tag.size(), body.size(), gzip.size(), zstd.size()};
  std::string packed(sizeof sizes, '\0');
  std::memcpy(packed.data(), sizes.data(), sizeof sizes);
  return packed.append(tag).append(body).append(gzip).append(zstd);
}

Kept unpack(std::string_view packed) {
  std::array<std::uint64_t, 4> sizes{};
  STOA_ASSERT(packed.size() >= sizeof sizes);
  std::memcpy(sizes.data(), packed.data(), sizeof sizes);
  packed.remove_prefix(sizeof sizes);
  const auto take = [&](std::uint64_t size) {
    STOA_ASSERT(size <= packed.size());
    const auto part = packed.substr(0, size);
    packed.remove_prefix(size);
    return part;
  };
  Kept kept;
  kept.tag = take(sizes[0]);
  kept.identity = take(sizes[1]);
  kept.gzip = take(sizes[2]);
  kept.zstd = take(sizes[3]);
  return kept;
}

Response response_of(const Kept& kept, const Request& request) {
  Response response;
  constexpr std::size_t headers_usual = 10;  // with those that are added on the way out
  response.headers.reserve(headers_usual);
  response.headers.emplace_back("ETag", kept.tag);
  response.negotiated = true;
  const auto coding = coding_for(request.header("accept-encoding"));
  const auto body = coding == Coding::gzip   ? kept.gzip
                    : coding == Coding::zstd ? kept.zstd
                                             : std::string_view();
  if (body.empty())
    apply_coding(response, Coding::identity, std::string(kept.identity));
  else
    apply_coding(response, coding, std::string(body));
  return response;
}

}  // namespace stoa::http
