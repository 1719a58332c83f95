#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <type_traits>

#include "kernel/json/codec.hpp"

namespace stoa::json {

/// Samples are numbered, so that no two members hold the same; of the value that is being made.
inline thread_local int samples = 0;

/// A value of a described type in which every member is set to something that it may hold.
template <class T>
struct Sample {
  template <class Bound>
  static T of(const Bound&) {
    T value{};
    if constexpr (Described<T>) {
      for_each_field<T>([&](const auto& field) {
        auto& member = value.*field.member;
        member = Sample<std::remove_cvref_t<decltype(member)>>::of(field.bound);
      });
    } else {
      static_assert(DescribedEnum<T>, "say here what a sample of this type is");
      value = *from_name<T>(names_of<T>().back());
    }
    return value;
  }
};

template <>
struct Sample<std::string> {
  template <class Bound>
  static std::string of(const Bound& given) {
    const auto bound = detail::bound_or<Text>(given);
    switch (bound.form) {
      case Form::email:
        return "ada@example.org";
      case Form::country:
        return "GB";
      case Form::url:
        return "https://example.org/a?b=c";
      case Form::slug:
      case Form::token:
        return "oil-" + std::to_string(++samples);
      case Form::line:
      case Form::lines:
        return bound.max < 20 ? std::to_string(++samples)
                              : "\"Olive\" oil \\ 5 £, no. " + std::to_string(++samples);
    }
    return {};
  }
};

template <>
struct Sample<std::int64_t> {
  template <class Bound>
  static std::int64_t of(const Bound& given) {
    const auto bound = detail::bound_or<Range>(given);
    return std::clamp<std::int64_t>(++samples, bound.min, bound.max);
  }
};

template <>
struct Sample<Quantity> {
  template <class Bound>
  static Quantity of(const Bound& bound) {
    return Quantity(Sample<std::int64_t>::of(bound));
  }
};

template <>
struct Sample<bool> {
  template <class Bound>
  static bool of(const Bound&) {
    return true;
  }
};

template <>
struct Sample<Currency> {
  template <class Bound>
  static Currency of(const Bound&) {
    return *Currency::parse("GBP");
  }
};

template <>
struct Sample<Money> {
  template <class Bound>
  static Money of(const Bound& bound) {
    return {Sample<std::int64_t>::of(bound), *Currency::parse("GBP")};
  }
};

template <>
struct Sample<Timestamp> {
  template <class Bound>
  static Timestamp of(const Bound&) {
    return *from_rfc3339("2026-11-24T09:30:00.123456Z");
  }
};

template <IdPrefix Prefix>
struct Sample<Id<Prefix>> {
  template <class Bound>
  static Id<Prefix> of(const Bound&) {
    return *Id<Prefix>::parse(std::string(Prefix.view()) + "_06f2w0g0000e7s8nb9m4q1tzxc");
  }
};

template <class T>
struct Sample<std::optional<T>> {
  template <class Bound>
  static std::optional<T> of(const Bound& bound) {
    return Sample<T>::of(bound);
  }
};

template <class T>
struct Sample<std::vector<T>> {
  template <class Bound>
  static std::vector<T> of(const Bound& given) {
    const auto bound = detail::bound_or<Items>(given);
    return std::vector<T>(std::clamp<std::size_t>(1, bound.min, bound.max), Sample<T>::of(bound));
  }
};

template <>
struct Sample<Metadata> {
  template <class Bound>
  static Metadata of(const Bound&) {
    return {{"colour", "blue"}, {"gift", "yes"}};
  }
};

/// As it is stored and published; the same text each time.
template <class T>
std::string sample_json() {
  samples = 0;
  return to_stored_json(Sample<T>::of(Unbounded{}));
}

}  // namespace stoa::json
