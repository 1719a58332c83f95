#include "platform/icu/fold.hpp"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <stdexcept>

namespace stoa::icu {
namespace {

const ::icu::Normalizer2& need(const ::icu::Normalizer2* found, UErrorCode status) {
  if (U_FAILURE(status) != 0 || found == nullptr)
    throw std::runtime_error(std::string("ICU: ") + u_errorName(status));
  return *found;
}

const ::icu::Normalizer2& case_folding() {
  UErrorCode status = U_ZERO_ERROR;
  const auto* found = ::icu::Normalizer2::getNFKCCasefoldInstance(status);
  return need(found, status);
}

const ::icu::Normalizer2& decomposition() {
  UErrorCode status = U_ZERO_ERROR;
  const auto* found = ::icu::Normalizer2::getNFDInstance(status);
  return need(found, status);
}

/// Letters that have no decomposition in Unicode though people type them without their stroke.
const char* plain_form(UChar32 letter) {
  switch (letter) {
    case 0x00E6:  // ae
      return "ae";
    case 0x0153:  // oe
      return "oe";
    case 0x00F8:  // o with stroke
      return "o";
    case 0x0142:  // l with stroke
      return "l";
    case 0x0111:  // d with stroke
    case 0x00F0:  // eth
      return "d";
    case 0x00FE:  // thorn
      return "th";
    case 0x0131:  // dotless i
      return "i";
    case 0x2019:  // the typographic apostrophe
    case 0x02BC:
      return "'";
    default:
      return nullptr;
  }
}

/// Scripts whose marks are letters of their own keep them.
bool is_accent(UChar32 c) { return c >= 0x0300 && c <= 0x036F; }

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::string fold(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (is_ascii(text)) {
    for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
  }
  UErrorCode status = U_ZERO_ERROR;
  const auto source = ::icu::UnicodeString::fromUTF8(
      ::icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  const auto folded = case_folding().normalize(source, status);
  const auto parts = decomposition().normalize(folded, status);
  if (U_FAILURE(status) != 0) throw std::runtime_error(std::string("ICU: ") + u_errorName(status));
  ::icu::UnicodeString kept;
  for (std::int32_t at = 0; at < parts.length(); at = parts.moveIndex32(at, 1)) {
    const auto c = parts.char32At(at);
    if (is_accent(c)) continue;
    if (const char* plain = plain_form(c); plain != nullptr) {
      kept.append(::icu::UnicodeString::fromUTF8(plain));
    } else {
      kept.append(c);
    }
  }
  // Composed again, so that Hangul stays in syllables.
  const auto* composition = ::icu::Normalizer2::getNFCInstance(status);
  need(composition, status).normalize(kept, status).toUTF8String(out);
  return out;
}

}  // namespace stoa::icu
