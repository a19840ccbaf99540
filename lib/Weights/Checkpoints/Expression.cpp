// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Expressions of share/checkpoints.txt, and texts with expressions in
// them.

#include "quern/Support/Text.h"
#include "quern/Weights/Checkpoints.h"

#include <cctype>

namespace quern::weights {

namespace {

/// A recursive-descent parser that computes as it reads; functions return 0
/// after the first error.
class Evaluator {
public:
  Evaluator(const std::string &text, const CheckpointParameters &parameters)
      : text(text), parameters(parameters) {}

  Result<int64_t> run() {
    int64_t value = sum();
    skipBlanks();
    if (status.isOk() && position < text.size())
      fail("expects an operator or the end, but got " +
           inQuotes(text.substr(position)));
    if (!status)
      return status.withContext("in " + inQuotes(text));
    return value;
  }

private:
  void skipBlanks() {
    while (position < text.size() && text[position] == ' ')
      ++position;
  }
  bool accept(char c) {
    skipBlanks();
    if (position == text.size() || text[position] != c)
      return false;
    ++position;
    return true;
  }
  void fail(const std::string &message) {
    if (status.isOk())
      status = Status::error(StatusCode::InvalidFile, message);
    position = text.size();
  }
  void expect(char c) {
    if (!accept(c))
      fail(std::string("expects '") + c + "'");
  }

  int64_t checked(bool overflows, int64_t value) {
    if (!overflows)
      return value;
    fail("expects numbers below 2^63");
    return 0;
  }

  int64_t sum() {
    int64_t value = product();
    for (;;) {
      int64_t result = 0;
      if (accept('+'))
        value =
            checked(__builtin_add_overflow(value, product(), &result), result);
      else if (accept('-'))
        value =
            checked(__builtin_sub_overflow(value, product(), &result), result);
      else
        return value;
    }
  }

  int64_t product() {
    int64_t value = operand();
    for (;;) {
      int64_t result = 0;
      if (accept('*'))
        value =
            checked(__builtin_mul_overflow(value, operand(), &result), result);
      else if (accept('/'))
        value = quotient(value, operand(), Rounding::None);
      else
        return value;
    }
  }

  enum class Rounding { None, Up, Down };

  int64_t quotient(int64_t value, int64_t divisor, Rounding rounding) {
    if (!status)
      return 0;
    if (value < 0 || divisor <= 0 ||
        (rounding == Rounding::None && value % divisor)) {
      fail("expects a multiple of " + std::to_string(divisor) + ", but got " +
           std::to_string(value));
      return 0;
    }
    return value / divisor + (rounding == Rounding::Up && value % divisor != 0);
  }

  int64_t operand() {
    if (accept('(')) {
      int64_t value = sum();
      expect(')');
      return value;
    }
    skipBlanks();
    size_t begin = position;
    while (
        position < text.size() &&
        (std::isalnum((unsigned char)text[position]) || text[position] == '_'))
      ++position;
    std::string word = text.substr(begin, position - begin);
    if (word == "ceil" || word == "floor") {
      expect('(');
      int64_t value = sum();
      expect(',');
      int64_t divisor = sum();
      expect(')');
      return quotient(value, divisor,
                      word == "ceil" ? Rounding::Up : Rounding::Down);
    }
    return word.empty() ? missing() : named(word);
  }

  int64_t missing() {
    fail("expects a number, a parameter or '('");
    return 0;
  }

  int64_t named(const std::string &word) {
    if (!std::isdigit((unsigned char)word[0])) {
      std::optional<int64_t> number = parameters.number(word);
      if (!number)
        fail("expects a parameter that is a number, but got " + inQuotes(word));
      return number.value_or(0);
    }
    int64_t value = 0;
    for (char c : word) {
      if (!std::isdigit((unsigned char)c) || value > (int64_t(1) << 40)) {
        fail("expects a number, but got " + inQuotes(word));
        return 0;
      }
      value = value * 10 + (c - '0');
    }
    return value;
  }

  const std::string &text;
  const CheckpointParameters &parameters;
  size_t position = 0;
  Status status;
};

} // namespace

Result<int64_t> evaluateExpression(const std::string &text,
                                   const CheckpointParameters &parameters) {
  return Evaluator(text, parameters).run();
}

Result<std::string> fillIn(const std::string &text,
                           const CheckpointParameters &parameters) {
  std::string filled;
  for (size_t begin = 0; begin < text.size();) {
    size_t open = text.find('<', begin);
    filled += text.substr(begin, open - begin);
    if (open == std::string::npos)
      break;
    size_t close = text.find('>', open);
    if (close == std::string::npos)
      return Status::error(StatusCode::InvalidFile,
                           "expects '>' behind " + inQuotes(text.substr(open)));
    std::string inner = text.substr(open + 1, close - open - 1);
    begin = close + 1;
    if (std::optional<std::string> value = parameters.text(inner)) {
      filled += *value;
      continue;
    }
    Result<int64_t> number = evaluateExpression(inner, parameters);
    if (!number)
      return number.status();
    filled += std::to_string(*number);
  }
  return filled;
}

} // namespace quern::weights
