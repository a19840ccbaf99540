// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Regular expressions from outside, matched in linear time.
//
// A pattern becomes an automaton, whose states are all followed at once
// (Thompson's construction): there is no backtracking, whatever it repeats.

#include "quern/Support/Pattern.h"

#include "quern/Support/Text.h"

#include <cctype>

namespace quern {

static constexpr size_t longestPattern = 1024;
static constexpr size_t mostStates = 8192;
static constexpr int deepestGroup = 32;

/// Reads a pattern from its end state backwards: each function gets the state
/// to go on with and returns where its part begins. What is repeated is read
/// again for each time.
class PatternParser {
public:
  PatternParser(const std::string &text, Pattern &pattern)
      : text(text), pattern(pattern) {}

  Status run() {
    if (text.size() > longestPattern)
      return Status::error(StatusCode::Unsupported,
                           "expects a pattern of at most " +
                               std::to_string(longestPattern) +
                               " bytes, but got " + std::to_string(text.size()))
          .withContext("pattern " + inQuotes(text));
    size_t accept = add({Pattern::State::Accept, 0, 0, 0});
    size_t end = 0;
    pattern.start = alternatives(0, end, accept, 0);
    if (status.isOk() && end < text.size())
      fail("')' without '('");
    return status.withContext("pattern " + inQuotes(text));
  }

private:
  using State = Pattern::State;
  using Bytes = std::bitset<256>;

  size_t add(State state) {
    if (pattern.states.size() >= mostStates) {
      fail("more than " + std::to_string(mostStates) + " states");
      return 0;
    }
    pattern.states.push_back(state);
    return pattern.states.size() - 1;
  }
  size_t addSet(const Bytes &bytes, size_t next) {
    if (status.isOk()) {
      pattern.sets.push_back(bytes);
      return add({State::Set, pattern.sets.size() - 1, next, 0});
    }
    return 0;
  }
  void fail(const std::string &found) {
    if (status.isOk())
      status = Status::error(StatusCode::Unsupported,
                             "expects a simple pattern, but got " + found);
  }
  char at(size_t position) const {
    return position < text.size() ? text[position] : '\0';
  }

  /// sequence { "|" sequence }
  size_t alternatives(size_t begin, size_t &end, size_t next, int depth) {
    if (depth > deepestGroup)
      fail("groups nested " + std::to_string(depth) + " deep");
    if (++groups > mostStates) // of which each may be empty
      fail("more than " + std::to_string(mostStates) + " groups");
    if (!status)
      return 0;
    size_t first = sequence(begin, end, next, depth);
    while (status.isOk() && at(end) == '|') {
      size_t other = sequence(end + 1, end, next, depth);
      first = add({State::Split, 0, first, other});
    }
    return first;
  }

  struct Item {
    size_t begin, end; ///< of what is repeated
    int least, most;   ///< most < 0: any number
  };

  size_t sequence(size_t begin, size_t &end, size_t next, int depth) {
    std::vector<Item> items;
    size_t position = begin;
    while (status.isOk() && position < text.size() && at(position) != '|' &&
           at(position) != ')') {
      Item item{position, 0, 1, 1};
      atom(position, item.end, next, depth, /*isDry=*/true);
      position = item.end;
      repetition(position, item);
      items.push_back(item);
    }
    end = position;
    for (size_t i = items.size(); i-- > 0 && status.isOk();)
      next = repeated(items[i], next, depth);
    return next;
  }

  size_t repeated(const Item &item, size_t next, int depth) {
    size_t end;
    if (item.most < 0) {
      size_t loop = add({State::Split, 0, 0, next});
      size_t body = atom(item.begin, end, loop, depth, false);
      if (status.isOk())
        pattern.states[loop].next = body;
      next = loop;
    }
    for (int i = item.least; i < item.most && status.isOk(); ++i)
      next = add(
          {State::Split, 0, atom(item.begin, end, next, depth, false), next});
    for (int i = 0; i < item.least && status.isOk(); ++i)
      next = atom(item.begin, end, next, depth, false);
    return next;
  }

  int number(size_t &position) {
    int value = 0;
    size_t begin = position;
    while (std::isdigit((unsigned char)at(position)) && value <= 1000)
      value = value * 10 + (text[position++] - '0');
    if (position == begin || value > 1000)
      fail("a number of repetitions that is none up to 1000");
    return value;
  }

  /// `*`, `+`, `?` or `{m,n}`, and then perhaps `?`.
  void repetition(size_t &position, Item &item) {
    char c = at(position);
    if (c == '*' || c == '+' || c == '?') {
      item.least = c == '+';
      item.most = c == '?' ? 1 : -1;
      ++position;
    } else if (c == '{') {
      ++position;
      item.least = item.most = at(position) == ',' ? 0 : number(position);
      if (at(position) == ',') {
        ++position;
        item.most = at(position) == '}' ? -1 : number(position);
      }
      if (at(position) != '}' || (item.most >= 0 && item.most < item.least))
        fail("'{' without a range of repetitions");
      ++position;
    } else {
      return;
    }
    if (at(position) == '?')
      ++position; // which match is found does not matter
    if (char after = at(position);
        after == '*' || after == '+' || after == '?' || after == '{')
      fail("a repetition of a repetition");
  }

  /// A character, a set or a group. Dry: only finds its end.
  size_t atom(size_t begin, size_t &end, size_t next, int depth, bool isDry) {
    char c = at(begin);
    end = begin + 1;
    switch (c) {
    case '(':
      return group(begin, end, next, depth, isDry);
    case '*':
    case '+':
    case '?':
    case '{':
      fail("a repetition of nothing");
      return next;
    case '^':
      return isDry ? next : add({State::Begin, 0, next, 0});
    case '$':
      return isDry ? next : add({State::End, 0, next, 0});
    default:
      break;
    }
    Bytes bytes;
    if (c == '.') {
      bytes.set();
      bytes.reset('\n');
    } else if (c == '[') {
      bytes = readSet(begin, end);
    } else if (c == '\\') {
      bytes = readEscape(begin, end);
    } else {
      bytes.set(uint8_t(c));
    }
    return isDry ? next : addSet(bytes, next);
  }

  size_t group(size_t begin, size_t &end, size_t next, int depth, bool isDry) {
    size_t inner = begin + 1;
    if (at(inner) == '?') {
      if (at(inner + 1) != ':')
        fail("'(?', which is not '(?:'");
      inner += 2;
    }
    if (isDry) {
      end = closing(inner);
      return next;
    }
    size_t first = alternatives(inner, end, next, depth + 1);
    ++end; // closing() has seen the parenthesis
    return first;
  }

  /// Behind the parenthesis that closes a group.
  size_t closing(size_t position) {
    for (int open = 1; position < text.size(); ++position) {
      char c = text[position];
      if (c == '\\')
        ++position;
      else if (c == '[') {
        size_t end = 0;
        readSet(position, end);
        position = end - 1;
      } else if (c == '(')
        ++open;
      else if (c == ')' && --open == 0)
        return position + 1;
    }
    fail("'(' without ')'");
    return text.size();
  }

  static Bytes classOf(char c) {
    Bytes bytes;
    for (int i = 0; i < 128; ++i) {
      bool isIn = c == 'd'   ? std::isdigit(i) != 0
                  : c == 's' ? std::isspace(i) != 0
                             : std::isalnum(i) || i == '_';
      bytes.set(size_t(i), isIn);
    }
    return bytes;
  }

  Bytes readEscape(size_t begin, size_t &end) {
    char c = at(begin + 1);
    end = begin + 2;
    auto lower = char(std::tolower((unsigned char)c));
    if (lower == 'd' || lower == 's' || lower == 'w')
      return c == lower ? classOf(lower) : ~classOf(lower);
    Bytes bytes;
    if (begin + 1 >= text.size() || std::isalnum((unsigned char)c))
      fail("the escape " + inQuotes(text.substr(begin, 2)));
    else
      bytes.set(uint8_t(c));
    return bytes;
  }

  Bytes readSet(size_t begin, size_t &end) {
    Bytes bytes;
    size_t position = begin + 1;
    bool isNegated = at(position) == '^';
    position += isNegated;
    for (bool isFirst = true; isFirst || at(position) != ']'; isFirst = false) {
      if (position >= text.size()) {
        fail("'[' without ']'");
        end = text.size();
        return bytes;
      }
      if (at(position) == '\\') {
        bytes |= readEscape(position, position);
        continue;
      }
      auto first = uint8_t(text[position++]), last = first;
      if (at(position) == '-' && at(position + 1) != ']' &&
          position + 1 < text.size()) {
        last = uint8_t(text[position + 1]);
        position += 2;
      }
      if (last < first || last == '\\')
        fail("a range in brackets that is none");
      for (int i = first; i <= last; ++i)
        bytes.set(size_t(i));
    }
    end = position + 1;
    return isNegated ? ~bytes : bytes;
  }

  const std::string &text;
  Pattern &pattern;
  size_t groups = 0; ///< read so far, each time that they are repeated
  Status status;
};

Result<Pattern> Pattern::parse(const std::string &text) {
  Pattern pattern;
  pattern.written = text;
  if (Status status = PatternParser(text, pattern).run(); !status)
    return status;
  return pattern;
}

/// Adds the states that can be reached from `state` without a byte.
void Pattern::enter(size_t state, size_t position, size_t length,
                    std::vector<size_t> &active,
                    std::vector<bool> &seen) const {
  std::vector<size_t> pending = {state};
  while (!pending.empty()) {
    size_t index = pending.back();
    pending.pop_back();
    if (seen[index])
      continue;
    seen[index] = true;
    const State &found = states[index];
    bool goesOn = found.kind == State::Split ||
                  (found.kind == State::Begin && position == 0) ||
                  (found.kind == State::End && position == length);
    if (goesOn)
      pending.push_back(found.next);
    if (found.kind == State::Split)
      pending.push_back(found.otherwise);
    else
      active.push_back(index);
  }
}

bool Pattern::matches(const std::string &text) const {
  std::vector<size_t> active, next;
  std::vector<bool> seen(states.size(), false);
  enter(start, 0, text.size(), active, seen);
  for (size_t position = 0;; ++position) {
    for (size_t index : active)
      if (states[index].kind == State::Accept)
        return true;
    if (position == text.size())
      return false;
    next.clear();
    seen.assign(states.size(), false);
    for (size_t index : active)
      if (states[index].kind == State::Set &&
          sets[states[index].set][uint8_t(text[position])])
        enter(states[index].next, position + 1, text.size(), next, seen);
    active.swap(next);
  }
}

} // namespace quern
