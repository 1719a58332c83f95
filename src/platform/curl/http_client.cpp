#include "platform/curl/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <mutex>
#include <new>

#include "kernel/base/assert.hpp"

namespace stoa::curl {
namespace {

using http::OutboundRequest;
using http::OutboundResponse;

struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyCleanup>;

struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListCleanup>;

struct UrlCleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

/// curl_global_init is to be called once, before the threads that use the library.
void initialise_library() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  STOA_ASSERT(result == CURLE_OK);
}

/// What arrives of an answer.
struct Arriving {
  OutboundResponse response;
  std::size_t bytes_max;
  bool is_too_large = false;
};

std::size_t on_body(char* bytes, std::size_t /*one*/, std::size_t count, void* user) {
  auto& arriving = *static_cast<Arriving*>(user);
  if (count > arriving.bytes_max - arriving.response.body.size()) {
    arriving.is_too_large = true;
    return 0;  // which ends the transfer
  }
  arriving.response.body.append(bytes, count);
  return count;
}

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t on_header(char* bytes, std::size_t /*one*/, std::size_t count, void* user) {
  auto& headers = static_cast<Arriving*>(user)->response.headers;
  const std::string_view line(bytes, count);
  if (line.starts_with("HTTP/")) headers.clear();  // an interim answer came before
  const auto colon = line.find(':');
  if (colon == line.npos || line.starts_with("HTTP/")) return count;
  constexpr std::size_t headers_max = 256;
  if (headers.size() == headers_max) return 0;
  std::string name(trim(line.substr(0, colon)));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  headers.emplace_back(std::move(name), trim(line.substr(colon + 1)));
  return count;
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// The host of an http or https URL; empty when it is none.
std::string host_of(const std::string& url) {
  const std::unique_ptr<CURLU, UrlCleanup> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  char* part = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_SCHEME, &part, 0) != CURLUE_OK) return {};
  const bool is_http = std::string_view(part) == "http" || std::string_view(part) == "https";
  curl_free(part);
  if (!is_http || curl_url_get(parsed.get(), CURLUPART_HOST, &part, 0) != CURLUE_OK) return {};
  std::string host(part);
  curl_free(part);
  return host;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

std::unexpected<Error> invalid(std::string detail) {
  return fail(ErrorKind::invalid, "invalid_request", std::move(detail));
}

Result<HeaderList> header_list(const OutboundRequest& request) {
  curl_slist* list = nullptr;
  const auto append = [&list](const std::string& line) {
    auto* longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list = longer;
  };
  HeaderList owner;
  append("Expect:");  // or larger bodies wait for an interim answer
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || name.find(':') != name.npos || has_control_characters(name) ||
        has_control_characters(value)) {
      owner.reset(list);
      return invalid("A header has characters that HTTP does not allow.");
    }
    append(std::string(name).append(value.empty() ? ";" : ": ").append(value));
  }
  owner.reset(list);
  return owner;
}

bool may_be_repeated(const OutboundRequest& request) {
  if (request.method == "GET" || request.method == "HEAD") return true;
  return std::ranges::any_of(request.headers, [](const auto& header) {
    return curl_strequal(header.first.c_str(), "Idempotency-Key") != 0;
  });
}

Error failure(CURLcode code, const Arriving& arriving, const std::string& host) {
  if (arriving.is_too_large)
    return {ErrorKind::internal, "answer_too_large", "The answer of " + host + " is too large."};
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return {ErrorKind::unavailable, "unreachable", host + " cannot be reached."};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
      return {ErrorKind::unavailable, "certificate_refused",
              "No trusted TLS connection to " + host + "."};
    case CURLE_URL_MALFORMAT:
      return {ErrorKind::invalid, "invalid_request", "The URL is not understood."};
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
      return {ErrorKind::timeout, "no_answer",
              host + " did not answer in time, or not to the end."};
    default:
      return {ErrorKind::internal, "answer_broken",
              "The answer of " + host + " is not understood: " + curl_easy_strerror(code) + "."};
  }
}

class CurlClient final : public http::Client {
 public:
  explicit CurlClient(HttpClientOptions options) : options_(std::move(options)) {
    initialise_library();
    if (options_.user_agent.empty()) options_.user_agent = "Stoa/" STOA_VERSION;
  }

  Result<OutboundResponse> send(const OutboundRequest& request) override {
    const auto host = host_of(request.url);
    if (host.empty() || has_control_characters(request.url))
      return invalid("The URL is not one of http or https.");
    if (request.method.empty() ||
        !std::ranges::all_of(request.method, [](unsigned char c) { return std::isupper(c) != 0; }))
      return invalid("The method is not an HTTP method.");
    const auto headers = header_list(request);
    if (!headers) return fail(headers.error());

    auto easy = borrow();
    Arriving arriving{.response = {}, .bytes_max = request.answer_bytes_max};
    prepare(easy.get(), request, headers->get(), arriving, is_loopback(host));
    const CURLcode code = curl_easy_perform(easy.get());
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    give_back(std::move(easy));
    if (code != CURLE_OK) return fail(failure(code, arriving, host));
    arriving.response.status = static_cast<int>(status);
    return std::move(arriving.response);
  }

 private:
  void prepare(CURL* easy, const OutboundRequest& request, curl_slist* headers, Arriving& arriving,
               bool is_loopback) const {
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, std::max(1L, long{request.timeout.count()}));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, long{request.timeout.count()}));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    if (is_loopback) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, may_be_repeated(request) ? 0L : 1L);
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET" || !request.body.empty()) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &arriving);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &arriving);
  }

  Easy borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Easy easy = std::move(idle_.back());
        idle_.pop_back();
        return easy;
      }
    }
    Easy easy(curl_easy_init());
    if (!easy) throw std::bad_alloc();
    return easy;
  }

  void give_back(Easy easy) {
    curl_easy_reset(easy.get());  // it keeps its connections
    const std::lock_guard lock(mutex_);
    if (idle_.size() < options_.idle_max) idle_.push_back(std::move(easy));
  }

  HttpClientOptions options_;
  std::mutex mutex_;
  std::vector<Easy> idle_;  ///< the last used last, so that connections stay warm
};

}  // namespace

std::unique_ptr<http::Client> make_http_client(HttpClientOptions options) {
  return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace stoa::curl
