#include "services/notification/application/template_book.hpp"

namespace stoa::notification {
namespace {

/// What a language says once, in every message.
struct Phrases {
  std::string_view language, hello, order, total, carrier, tracking, follow, remaining, sign_off;
};

/// What it says of one kind. `list` names the list that is shown, if one is; `sms` may be empty.
struct Words {
  Kind kind;
  std::string_view subject, intro, list, sms;
};

constexpr Phrases english{"en",
                          "Hello{{#customer_name}} {{customer_name}}{{/customer_name}},",
                          "Order {{order_number}} of {{placed_on}}",
                          "Total",
                          "Carrier",
                          "Tracking number",
                          "Follow the parcel",
                          "Still to come:",
                          "{{#shop_name}}Kind regards, {{shop_name}}{{/shop_name}}"};

constexpr Words english_words[] = {
    {Kind::order_confirmed, "Your order {{order_number}} is confirmed",
     "Thank you for your order. We have it, and are getting it ready.", "lines",
     "Your order {{order_number}} is confirmed: {{total}}. Thank you!"},
    {Kind::order_rejected, "Your order {{order_number}} could not be accepted",
     "We are sorry: we could not accept your order.{{#out_of_stock}} An item is sold out."
     "{{/out_of_stock}}{{#payment_failed}} The payment did not succeed.{{/payment_failed}} "
     "You have not been charged, or get back what you were.",
     "lines", ""},
    {Kind::order_shipped, "Your order {{order_number}} is on its way",
     "Good news: everything that was left of your order is on its way.", "units",
     "Your order {{order_number}} is on its way.{{#tracking_number}} {{carrier}} "
     "{{tracking_number}}{{/tracking_number}}"},
    {Kind::order_partly_shipped, "A part of your order {{order_number}} is on its way",
     "Good news: a part of your order is on its way. The rest follows.", "units",
     "A part of your order {{order_number}} is on its way.{{#tracking_number}} {{carrier}} "
     "{{tracking_number}}{{/tracking_number}}"},
    {Kind::order_cancelled, "Your order {{order_number}} is cancelled",
     "Your order is cancelled.{{#refund_amount}} You get {{refund_amount}} back."
     "{{/refund_amount}}",
     "lines", ""},
    {Kind::order_refunded, "A refund for your order {{order_number}}",
     "We have sent {{refund_amount}} back to you. It can take some days until you see it.", "", ""},
    {Kind::return_received, "We have your return of order {{order_number}}",
     "Thank you: what you sent back is here.{{#refund_amount}} You get {{refund_amount}} back."
     "{{/refund_amount}}",
     "units", ""},
};

constexpr Phrases german{"de",
                         "Guten Tag{{#customer_name}} {{customer_name}}{{/customer_name}},",
                         "Bestellung {{order_number}} vom {{placed_on}}",
                         "Summe",
                         "Versand mit",
                         "Sendungsnummer",
                         "Sendung verfolgen",
                         "Es fehlt noch:",
                         "{{#shop_name}}Freundliche Grüße, {{shop_name}}{{/shop_name}}"};

constexpr Words german_words[] = {
    {Kind::order_confirmed, "Ihre Bestellung {{order_number}} ist bestätigt",
     "vielen Dank für Ihre Bestellung. Wir haben sie erhalten und bereiten sie vor.", "lines",
     "Ihre Bestellung {{order_number}} ist bestätigt: {{total}}. Vielen Dank!"},
    {Kind::order_rejected, "Ihre Bestellung {{order_number}} konnte nicht angenommen werden",
     "leider konnten wir Ihre Bestellung nicht annehmen.{{#out_of_stock}} Ein Artikel ist "
     "ausverkauft.{{/out_of_stock}}{{#payment_failed}} Die Zahlung kam nicht zustande."
     "{{/payment_failed}} Es wurde nichts abgebucht, oder Sie erhalten es zurück.",
     "lines", ""},
    {Kind::order_shipped, "Ihre Bestellung {{order_number}} ist unterwegs",
     "alles, was von Ihrer Bestellung noch fehlte, ist unterwegs.", "units",
     "Ihre Bestellung {{order_number}} ist unterwegs.{{#tracking_number}} {{carrier}} "
     "{{tracking_number}}{{/tracking_number}}"},
    {Kind::order_partly_shipped, "Ein Teil Ihrer Bestellung {{order_number}} ist unterwegs",
     "ein Teil Ihrer Bestellung ist unterwegs. Der Rest folgt.", "units",
     "Ein Teil Ihrer Bestellung {{order_number}} ist unterwegs.{{#tracking_number}} {{carrier}} "
     "{{tracking_number}}{{/tracking_number}}"},
    {Kind::order_cancelled, "Ihre Bestellung {{order_number}} ist storniert",
     "Ihre Bestellung ist storniert.{{#refund_amount}} Sie erhalten {{refund_amount}} zurück."
     "{{/refund_amount}}",
     "lines", ""},
    {Kind::order_refunded, "Eine Erstattung zu Ihrer Bestellung {{order_number}}",
     "wir haben Ihnen {{refund_amount}} erstattet. Bis Sie es sehen, kann es einige Tage dauern.",
     "", ""},
    {Kind::return_received, "Ihre Rücksendung zu Bestellung {{order_number}} ist da",
     "vielen Dank: Ihre Rücksendung ist bei uns.{{#refund_amount}} Sie erhalten "
     "{{refund_amount}} zurück.{{/refund_amount}}",
     "units", ""},
};

/// Puts texts one after another.
template <class... Parts>
std::string join(const Parts&... parts) {
  std::string joined;
  (joined.append(parts), ...);
  return joined;
}

std::string plain_text(const Phrases& phrases, const Words& words) {
  auto text = join(phrases.hello, "\n\n", words.intro, "\n\n", phrases.order, "\n");
  if (!words.list.empty())
    text += join("{{#", words.list, "}}\n- {{quantity}} x {{title}}",
                 words.list == "lines" ? ": {{total}}" : "", "\n{{/", words.list, "}}\n");
  if (words.list == "lines") text += join(phrases.total, ": {{total}}\n");
  if (words.list == "units")
    text += join("{{#carrier}}\n", phrases.carrier, ": {{carrier}}\n{{/carrier}}\n",
                 "{{#tracking_number}}\n", phrases.tracking,
                 ": {{tracking_number}}\n{{/tracking_number}}\n{{#tracking_url}}\n", phrases.follow,
                 ": {{tracking_url}}\n{{/tracking_url}}\n");
  if (words.kind == Kind::order_partly_shipped)
    text += join("\n", phrases.remaining,
                 "\n{{#remaining}}\n- {{quantity}} x {{title}}\n{{/remaining}}\n");
  return text + join("\n", phrases.sign_off, "\n");
}

std::string html_text(const Phrases& phrases, const Words& words) {
  auto html = join("<!doctype html>\n<html lang=\"", phrases.language,
                   "\"><body style=\"font-family:sans-serif\">\n<p>", phrases.hello, "</p>\n<p>",
                   words.intro, "</p>\n<p><strong>", phrases.order, "</strong></p>\n");
  if (!words.list.empty())
    html += join("<table cellpadding=\"4\">\n{{#", words.list,
                 "}}\n<tr><td>{{quantity}}</td><td>{{title}}</td>",
                 words.list == "lines" ? "<td align=\"right\">{{total}}</td>" : "", "</tr>\n{{/",
                 words.list, "}}\n");
  if (words.list == "lines")
    html += join("<tr><td></td><td><strong>", phrases.total,
                 "</strong></td><td align=\"right\"><strong>{{total}}</strong></td></tr>\n");
  if (!words.list.empty()) html += "</table>\n";
  if (words.list == "units")
    html +=
        join("{{#carrier}}\n<p>", phrases.carrier, ": {{carrier}}</p>\n{{/carrier}}\n",
             "{{#tracking_number}}\n<p>", phrases.tracking,
             ": {{tracking_number}}</p>\n{{/tracking_number}}\n{{#tracking_url}}\n",
             "<p><a href=\"{{tracking_url}}\">", phrases.follow, "</a></p>\n{{/tracking_url}}\n");
  if (words.kind == Kind::order_partly_shipped)
    html += join("<p>", phrases.remaining,
                 "</p>\n<ul>\n{{#remaining}}\n<li>{{quantity}} x {{title}}</li>\n"
                 "{{/remaining}}\n</ul>\n");
  return html + join("<p>", phrases.sign_off, "</p>\n</body></html>\n");
}

template <std::size_t N>
void add(std::map<TemplateKey, TemplateText>& to, const Phrases& phrases, const Words (&all)[N]) {
  const std::string language(phrases.language);
  for (const auto& words : all) {
    to[{words.kind, Channel::email, language}] = {
        std::string(words.subject), plain_text(phrases, words), html_text(phrases, words)};
    if (!words.sms.empty())
      to[{words.kind, Channel::sms, language}] = {"", std::string(words.sms), ""};
  }
}

}  // namespace

const std::map<TemplateKey, TemplateText>& built_in_templates() {
  static const auto templates = [] {
    std::map<TemplateKey, TemplateText> all;
    add(all, english, english_words);
    add(all, german, german_words);
    return all;
  }();
  return templates;
}

}  // namespace stoa::notification
