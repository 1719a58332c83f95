#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/clock.hpp"
#include "kernel/base/result.hpp"

namespace stoa::mail {

/// `Shop <shop@example.org>` or an address alone.
struct Mailbox {
  std::string name;  ///< may be empty
  std::string address;

  [[nodiscard]] std::string_view domain() const;
};

/// Nothing when the text is no mailbox: one address with one `@`, without spaces or control
/// characters.
std::optional<Mailbox> parse_mailbox(std::string_view text);

struct Message {
  std::string message_id;  ///< without its angle brackets
  Timestamp date;
  Mailbox from;
  Mailbox to;
  std::string subject;
  std::string text;
  std::string html;      ///< empty: no HTML part
  std::string language;  ///< BCP 47
};

/// RFC 5322 with MIME: UTF-8 in quoted-printable, plain and HTML as multipart/alternative, marked
/// as sent by a machine (RFC 3834). `unsafe_header` (invalid) when a member that goes into a header
/// holds a control character: nobody's name or subject makes headers of its own.
Result<std::string> to_rfc5322(const Message& message);

}  // namespace stoa::mail
