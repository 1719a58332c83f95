#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/crypto.hpp"
#include "kernel/http/message.hpp"

/// Which form of an answer a client is sent, and whether it has it already: codings, validators and
/// conditions of RFC 9110.
namespace stoa::http {

enum class Coding { identity, gzip, zstd };

/// Smaller bodies are sent as they are: a packet is a packet.
inline constexpr std::size_t compressed_bytes_min = 1'024;

/// What a client takes, by the weights of its Accept-Encoding; of equal ones zstd, then gzip. As it
/// is when it names none that is known, or refuses all.
Coding coding_for(std::string_view accept_encoding);

/// Compresses; thread-safe.
struct Codecs {
  std::function<std::string(std::string_view)> gzip;
  std::function<std::string(std::string_view)> zstd;
};
/// Nothing when the coding does not make it smaller, or there is nothing to do.
std::optional<std::string> encode(const Codecs& codecs, Coding coding, std::string_view body);

/// `"12"` in another coding is another representation: `"12-gzip"`.
std::string tag_of(std::string_view tag, Coding coding);
std::string revision_tag(std::int64_t revision);
/// Of what has no revision: equal bodies have equal tags.
std::string content_tag(const Crypto& crypto, std::string_view body);

/// Empty when there is no such header.
std::string_view header_of(const Response& response, std::string_view name);
/// Adds to the header Vary.
void vary_by(Response& response, std::string_view field);

/// Puts the body of a 200 in the form that `coding` names, with its ETag, and says so.
void apply_coding(Response& response, Coding coding, std::string body);
/// Whether If-None-Match names `tag`; false for an empty one.
bool is_known(const Request& request, std::string_view tag);
/// 304 when If-None-Match names the ETag of the response.
void apply_condition(Response& response, const Request& request);

/// A 200 kept with its forms, as one text for a cache.
struct Kept {
  std::string_view tag;  ///< of the identity form
  std::string_view identity;
  std::string_view gzip;  ///< empty: there is none
  std::string_view zstd;
};
std::string pack(const Codecs& codecs, std::string_view tag, std::string_view body);
/// Into views of `packed`, which `pack` made.
Kept unpack(std::string_view packed);
/// 200 application/json in the form that suits the request.
Response response_of(const Kept& kept, const Request& request);

}  // namespace stoa::http
