#pragma once

#include <xapian.h>

#include <string>

namespace stoa::xapian {

/// `none` stems nothing. Throws Xapian::InvalidArgumentError for a language that Xapian lacks.
Xapian::Stem make_stemmer(const std::string& language);

/// Words that say nothing of a product; only English ones are known.
bool is_stop_word(const std::string& language, const std::string& word);

}  // namespace stoa::xapian
