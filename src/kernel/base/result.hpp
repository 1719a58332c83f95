#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace stoa {

/// What a caller can do about a failure; each kind has one HTTP status (kernel/http/problem.hpp).
enum class ErrorKind {
  malformed,              ///< not understood at all (400)
  unauthenticated,        ///< no or wrong key (401)
  forbidden,              ///< known, but not allowed (403)
  not_found,              ///< (404)
  method_not_allowed,     ///< (405)
  timeout,                ///< the client was too slow (408)
  conflict,               ///< the state forbids it (409)
  precondition_failed,    ///< If-Match or an expected value does not hold (412)
  too_large,              ///< (413)
  unsupported_media,      ///< (415)
  invalid,                ///< understood, but breaks a rule (422)
  precondition_required,  ///< a required header is missing (428)
  rate_limited,           ///< (429)
  internal,               ///< a defect of ours (500)
  unavailable,            ///< overloaded or stopping: try again later (503)
};

/// One member of the input that is wrong.
struct FieldError {
  std::string pointer;  ///< RFC 6901 JSON pointer into the body, or `query/NAME`, `header/NAME`
  std::string code;     ///< stable, snake_case
  std::string message;  ///< for a person
};

/// An expected failure, as a value.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string code;    ///< stable, snake_case; what programs test
  std::string detail;  ///< for a person; holds no secrets and no personal data
  std::vector<FieldError> fields = {};
  std::string location = {};  ///< path of the resource that is in the way, when there is one

  /// Whether the same request may succeed later without a change.
  [[nodiscard]] bool retryable() const {
    return kind == ErrorKind::unavailable || kind == ErrorKind::rate_limited ||
           kind == ErrorKind::timeout;
  }
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string code,
                                                 std::string detail) {
  return std::unexpected(Error{kind, std::move(code), std::move(detail)});
}

[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

/// A queue is full, or the shop is stopping.
[[nodiscard]] inline Error overloaded() {
  return {ErrorKind::unavailable, "overloaded", "The shop is busy: try again shortly."};
}

/// A defect of ours. What it was stands in the log, not in the answer.
[[nodiscard]] inline Error internal_error() {
  return {ErrorKind::internal, "internal_error", "The shop could not do this."};
}

}  // namespace stoa
