// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Error code and message, without exceptions.

#ifndef QUERN_BASE_STATUS_H
#define QUERN_BASE_STATUS_H

#include <optional>
#include <string>
#include <utility>

namespace quern {

/// What kind of thing went wrong; the message says what exactly.
enum class StatusCode {
  Ok,
  InvalidArgument, ///< a caller's or user's request makes no sense
  InvalidFile,     ///< bytes from outside are damaged, cut short or lying
  NotFound,        ///< a named thing does not exist
  Unsupported,     ///< understood, but not available here
  OutOfMemory,
  Io,        ///< the operating system refused to read or write
  Cancelled, ///< the caller asked to stop
};

/// Success, or a code with a message for the user: one clear sentence in lower
/// case without a final period, that says what was expected, what was found
/// and where.
class [[nodiscard]] Status {
public:
  static Status ok() { return Status(); }
  static Status error(StatusCode code, std::string message) {
    Status status;
    status.statusCode = code;
    status.text = std::move(message);
    return status;
  }

  bool isOk() const { return statusCode == StatusCode::Ok; }
  explicit operator bool() const { return isOk(); }
  StatusCode code() const { return statusCode; }
  const std::string &message() const { return text; }

  /// The same error with `context` and ": " before its message.
  Status withContext(const std::string &context) const {
    return isOk() ? *this : error(statusCode, context + ": " + text);
  }

private:
  StatusCode statusCode = StatusCode::Ok;
  std::string text;
};

/// A value or the Status that explains its absence.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Status status) : why(std::move(status)) {}

  bool isOk() const { return held.has_value(); }
  explicit operator bool() const { return isOk(); }
  const Status &status() const { return why; }
  T &operator*() { return *held; }
  const T &operator*() const { return *held; }
  T *operator->() { return &*held; }
  const T *operator->() const { return &*held; }

private:
  std::optional<T> held;
  Status why;
};

} // namespace quern

#endif // QUERN_BASE_STATUS_H
