#pragma once

#include <optional>

#include "kernel/json/codec.hpp"

namespace stoa::catalog {

/// A member of a change that can also be taken away: absent, null, or a value.
template <class T>
struct Change {
  bool given = false;
  std::optional<T> value = {};
};

}  // namespace stoa::catalog

template <class T>
struct stoa::json::Codec<stoa::catalog::Change<T>> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, catalog::Change<T>& to, const Bound& bound) {
    to.given = true;
    Codec<std::optional<T>>::read(reader, value, to.value, bound);
  }
  static void write(Writer& writer, const catalog::Change<T>& change) {
    Codec<std::optional<T>>::write(writer, change.value);
  }
  template <class Bound>
  static std::string schema(Schemas& schemas, const Bound& bound) {
    return Codec<std::optional<T>>::schema(schemas, bound);
  }
};
