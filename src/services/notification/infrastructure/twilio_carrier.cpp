#include "services/notification/infrastructure/twilio_carrier.hpp"

#include <atomic>

#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::notification {
namespace {

constexpr std::chrono::seconds timeout{10};
constexpr std::size_t text_max = 1'600;  // code points; Twilio refuses longer ones (21617)

/// What the provider says of a message that it took, or of why it did not.
struct Answer {
  std::string sid;
  std::int64_t code = 0;
  std::string message;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{defaulted("sid", &Answer::sid), defaulted("code", &Answer::code),
                      defaulted("message", &Answer::message, Text{0, 10'000, Form::lines})};
  }
};

class TwilioCarrier final : public Carrier {
 public:
  TwilioCarrier(http::Client& client, TwilioOptions options)
      : client_(client), options_(std::move(options)) {}

  CarrierAnswer send(const Letter& letter) override {
    if (interrupted_) return {TryOutcome::failed, true, "stopping", "The shop is stopping.", {}};
    if (utf8_length(letter.text.text) > text_max)
      return {TryOutcome::refused,
              true,
              "message_too_long",
              "An SMS has at most 1,600 characters.",
              {}};
    http::OutboundRequest request;
    request.method = "POST";
    request.url = options_.base_url + "/2010-04-01/Accounts/" +
                  percent_encode(options_.account_sid) + "/Messages.json";
    request.timeout = timeout;
    request.headers = {
        {"Authorization", "Basic " + to_base64(options_.account_sid + ":" + options_.auth_token)},
        {"Content-Type", "application/x-www-form-urlencoded"}};
    const auto* const sender = options_.from.starts_with("MG") ? "MessagingServiceSid" : "From";
    request.body = "To=" + percent_encode(letter.to) + "&" + sender + "=" +
                   percent_encode(options_.from) + "&Body=" + percent_encode(letter.text.text);
    const auto response = client_.send(request);
    if (!response)
      return {
          TryOutcome::failed, false, "sms_" + response.error().code, response.error().detail, {}};
    return answer_of(*response);
  }
  void interrupt() override { interrupted_ = true; }

 private:
  static CarrierAnswer answer_of(const http::OutboundResponse& response) {
    const auto said = json::read_stored<Answer>(response.body).value_or(Answer{});
    const auto status = response.status;
    if (status >= 200 && status < 300) return {TryOutcome::accepted, true, "", "", said.sid};
    const auto code = "sms_" + std::to_string(said.code != 0 ? said.code : status);
    // Of these the message is not to blame: a wrong login, too many at once, a fault of theirs.
    const bool is_theirs = status == 401 || status == 403 || status == 404 || status == 408 ||
                           status == 429 || status < 400 || status >= 500;
    if (is_theirs) return {TryOutcome::failed, false, code, said.message, ""};
    return {TryOutcome::refused, true, code, said.message, ""};
  }

  http::Client& client_;
  TwilioOptions options_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace

std::unique_ptr<Carrier> make_twilio_carrier(http::Client& client, TwilioOptions options) {
  return std::make_unique<TwilioCarrier>(client, std::move(options));
}

}  // namespace stoa::notification
