#include "platform/curl/smtp.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace stoa::curl {
namespace {

constexpr std::size_t detail_max = 500;

/// libcurl's process-wide state; made once, before any handle, and kept until the process ends.
void start_library() {
  static const auto started = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw std::runtime_error("libcurl could not start");
}

/// What one transfer did, as far as its outcome depends on it.
struct Transfer {
  std::string_view left;   ///< of the message
  std::string reply = {};  ///< the relay's last line
  bool is_over = false;    ///< what comes now is a farewell
  bool speaks_of_message =
      false;  ///< MAIL or a later command was sent: a no is a no to the message
};

std::size_t give(char* to, std::size_t size, std::size_t count, void* context) {
  auto& left = static_cast<Transfer*>(context)->left;
  const auto length = std::min(left.size(), size * count);
  std::memcpy(to, left.data(), length);
  left.remove_prefix(length);
  return length;
}

/// Looks at the dialogue, which goes nowhere else: it holds the login.
int watch(CURL*, curl_infotype type, char* data, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  std::string_view line(data, size);
  if (type == CURLINFO_HEADER_OUT && line.starts_with("MAIL ")) transfer.speaks_of_message = true;
  if (type == CURLINFO_HEADER_OUT && line.starts_with("QUIT")) transfer.is_over = true;
  if (type == CURLINFO_HEADER_IN && !transfer.is_over) {
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    transfer.reply = line.substr(0, detail_max);
  }
  return 0;
}

int is_interrupted(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::atomic<bool>*>(context)->load() ? 1 : 0;
}

struct FreeHandle {
  void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

class SmtpRelay final : public mail::Relay {
 public:
  explicit SmtpRelay(SmtpOptions options) : options_(std::move(options)) {
    start_library();
    handle_.reset(::curl_easy_init());
    if (!handle_) throw std::runtime_error("libcurl has no handle");
  }

  mail::RelayAnswer send(const mail::Envelope& envelope) override {
    if (interrupted_) return {mail::Outcome::unreachable, 0, "The shop is stopping."};
    Transfer transfer{.left = envelope.text};
    const std::unique_ptr<curl_slist, FreeList> to(
        ::curl_slist_append(nullptr, ("<" + envelope.to + ">").c_str()));
    ::curl_easy_reset(handle_.get());  // keeps the connection
    set_relay();
    set(CURLOPT_MAIL_FROM, ("<" + envelope.from + ">").c_str());
    set(CURLOPT_MAIL_RCPT, to.get());
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &give);
    set(CURLOPT_READDATA, &transfer);
    return perform(transfer);
  }

  mail::RelayAnswer greet() {
    Transfer transfer{};
    ::curl_easy_reset(handle_.get());
    set_relay();
    set(CURLOPT_NOBODY, 1L);
    set(CURLOPT_CUSTOMREQUEST, "NOOP");
    return perform(transfer);
  }

  void interrupt() override { interrupted_ = true; }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    ::curl_easy_setopt(handle_.get(), option, value);
  }

  void set_relay() {
    using Security = SmtpOptions::Security;
    const bool is_tls = options_.security == Security::tls;
    const bool is_v6 = options_.host.find(':') != std::string::npos;
    const auto host = is_v6 ? "[" + options_.host + "]" : options_.host;
    const auto url = (is_tls ? "smtps://" : "smtp://") + host + ":" + std::to_string(options_.port);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, is_tls ? "smtps" : "smtp");
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &is_interrupted);
    set(CURLOPT_XFERINFODATA, &interrupted_);
    if (!options_.user_name.empty()) {
      set(CURLOPT_USERNAME, options_.user_name.c_str());
      set(CURLOPT_PASSWORD, options_.password.c_str());
    }
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    switch (options_.security) {
      case Security::none:
        return set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_NONE));
      case Security::opportunistic:
        set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_TRY));
        if (options_.ca_file.empty()) {
          set(CURLOPT_SSL_VERIFYPEER, 0L);
          set(CURLOPT_SSL_VERIFYHOST, 0L);
        }
        return;
      case Security::starttls:
      case Security::tls:
        return set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
    }
  }

  mail::RelayAnswer perform(Transfer& transfer) {
    set(CURLOPT_VERBOSE, 1L);
    set(CURLOPT_DEBUGFUNCTION, &watch);
    set(CURLOPT_DEBUGDATA, &transfer);
    return answer_of(::curl_easy_perform(handle_.get()), transfer);
  }

  mail::RelayAnswer answer_of(CURLcode result, const Transfer& transfer) {
    long code = 0;
    ::curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
    const int reply_code = static_cast<int>(code);
    if (result == CURLE_OK) return {mail::Outcome::accepted, reply_code, transfer.reply};
    // Without an answer to the message: a timeout, a reset, a refused login, a wrong certificate.
    const bool is_answer = result == CURLE_SEND_ERROR || result == CURLE_WEIRD_SERVER_REPLY ||
                           result == CURLE_RECV_ERROR || result == CURLE_UPLOAD_FAILED ||
                           result == CURLE_REMOTE_ACCESS_DENIED;
    if (transfer.speaks_of_message && is_answer && reply_code >= 500)
      return {mail::Outcome::refused, reply_code, transfer.reply};
    if (transfer.speaks_of_message && is_answer && reply_code >= 400)
      return {mail::Outcome::deferred, reply_code, transfer.reply};
    const auto said = reply_code >= 400 ? ": " + transfer.reply : std::string();
    return {mail::Outcome::unreachable, reply_code, ::curl_easy_strerror(result) + said};
  }

  SmtpOptions options_;
  std::unique_ptr<CURL, FreeHandle> handle_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace

std::unique_ptr<mail::Relay> make_smtp_relay(SmtpOptions options) {
  return std::make_unique<SmtpRelay>(std::move(options));
}

mail::RelayAnswer greet_smtp_relay(SmtpOptions options) {
  return SmtpRelay(std::move(options)).greet();
}

}  // namespace stoa::curl
