#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "fuzz/targets.hpp"
#include "kernel/base/clock.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/base/language.hpp"
#include "kernel/base/money.hpp"
#include "kernel/base/text.hpp"
#include "kernel/mail/message.hpp"
#include "main/configuration.hpp"
#include "platform/gumbo/sanitise.hpp"
#include "platform/openssl/crypto.hpp"
#include "services/catalog/application/product_file.hpp"
#include "services/notification/domain/template.hpp"
#include "services/ordering/api/phone_number.hpp"
#include "services/ordering/domain/order_number.hpp"
#include "services/payment/application/webhook_signature.hpp"
#include "services/payment/infrastructure/simulator.hpp"
#include "services/payment/infrastructure/stripe_wire.hpp"

namespace stoa::fuzz {

void csv(std::string_view input) {
  catalog::CsvReader reader(input);
  while (const auto record = reader.next()) {
    require(record->offset + record->length <= input.size(), "a record lies within its file");
    if (!record->fault.empty() || record->fields.size() == catalog::CsvReader::fields_max) continue;
    std::string written = "first";  // so that no cell is a byte order mark or an empty line
    for (const auto& cell : record->fields) {
      written += ',';
      catalog::append_csv_cell(written, cell);
    }
    written += "\r\n";
    catalog::CsvReader again(written);
    auto same = again.next();
    require(same && same->fields.size() == record->fields.size() + 1, "a record keeps its cells");
    same->fields.erase(same->fields.begin());
    require(same->fields == record->fields, "a record is read as it was written");
  }
  require(reader.bytes_read() == input.size(), "a file is read to its end");
  catalog::ProductFile file(input, *Currency::parse("GBP"),
                            [](std::string_view html) { return std::string(html); });
  if (!file.read_header()) return;
  while (const auto product = file.next())
    for (const auto& variant : product->variants)
      require(!variant.price || variant.price->amount() >= 0, "no price is below nothing");
}

void html(std::string_view input) {
  const auto once = gumbo::sanitise(input);
  require(gumbo::sanitise(once) == once, "sanitising again changes nothing");
  const auto lower = ascii_lower(once);
  for (const auto* bad : {"<script", "<iframe", "<style", "<form", "<object", "<embed"})
    require(lower.find(bad) == std::string::npos, "no active content is left");
}

void webhook(std::string_view input) {
  static const auto crypto = openssl::make_crypto();
  const auto now = from_unix_microseconds(1'764'000'000'000'000);
  const auto header = take_line(input);
  const auto good = payment::sign_webhook(*crypto, "whsec_a", now, input);
  require(payment::is_signed_webhook(*crypto, {"whsec_a"}, good, input, now),
          "what was signed is taken");
  require(!payment::is_signed_webhook(*crypto, {"whsec_b"}, header, input, now) &&
              !payment::is_signed_webhook(*crypto, {"whsec_b"}, good, input, now),
          "nothing else is");
  (void)payment::stripe::read_webhook(input);
  (void)payment::read_simulator_webhook(input);
}

void configuration(std::string_view input) {
  const std::string value(take_line(input));
  static const int file = ::memfd_create("settings", 0);
  static const auto path = "/proc/self/fd/" + std::to_string(file);
  require(::ftruncate(file, 0) == 0, "the file is empty");
  require(::pwrite(file, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size()),
          "the file is written");
  const auto loaded = load_configuration(path, {{"STOA__Http__Threads", value}});
  if (!loaded) return;
  require(loaded->integer("Http:Threads") >= 1 && loaded->integer("Http:Threads") <= 64,
          "a setting is within its bounds");
  (void)loaded->to_masked_json();
}

void templates(std::string_view input) {
  using notification::Scope;
  using notification::Template;
  static const notification::Vocabulary vocabulary{{{"name", {}}, {"lines", {"title"}}}};
  const auto parsed = Template::parse(input, vocabulary);
  if (parsed) {
    const Scope scope{
        {{"name", "A<b>"}, {"lines", std::vector<Scope>(2, Scope{{{"title", "&"}}})}}};
    (void)parsed->render(scope, Template::Escape::html);
    (void)parsed->render(scope, Template::Escape::none);
  }
  const auto prefix = take_line(input);
  const auto pattern = ordering::OrderNumberPattern::parse(prefix, input);
  if (!pattern) return;
  const std::chrono::year_month_day date(std::chrono::year(2026), std::chrono::month(2),
                                         std::chrono::day(28));
  require(pattern->format(date, 9'999'999'999).size() <= ordering::OrderNumberPattern::length_max,
          "a number is bounded");
}

void text(std::string_view input) {
  if (const auto time = from_rfc3339(input))
    require(from_rfc3339(to_rfc3339(*time)) == time, "a time is read as written");
  for (const auto* code : {"GBP", "JPY", "KWD"})
    if (const auto money = money_from_decimal(input, *Currency::parse(code)))
      require(money->amount() <= Money::max_amount && money->amount() >= -Money::max_amount,
              "money is bounded");
  require(percent_decode(percent_encode(input)) == std::string(input), "decoded is as encoded");
  require(from_base64(to_base64(input)) == std::string(input), "decoded is as encoded");
  (void)percent_decode(input);
  (void)from_base64(input);
  (void)from_base32(input);
  if (is_utf8(input)) {
    require(utf8_length(input) <= input.size(), "characters have bytes");
    require(is_utf8(utf8_prefix(input, input.size() / 2)), "a prefix ends between characters");
    (void)has_control_characters(input, true);
  }
  if (const auto language = canonical_language(input))
    require(canonical_language(*language) == language, "a language has one form");
  if (const auto number = ordering::to_e164(input))
    require(ordering::to_e164(*number) == number, "a telephone number has one form");
  (void)contains_card_number(input);
  (void)mail::parse_mailbox(input);
}

}  // namespace stoa::fuzz
