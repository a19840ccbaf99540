// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A strict reader of JSON from outside: as events, or as a small tree.

#include "quern/Support/Json.h"

#include "quern/Support/Text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

namespace quern {

JsonHandler::~JsonHandler() = default;

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static std::string describeNumber(bool negative, uint64_t magnitude) {
  return "the number " + std::string(negative ? "-" : "") +
         std::to_string(magnitude);
}

std::string describe(const JsonEvent &event) {
  switch (event.kind) {
  case JsonKind::Null:
    return "null";
  case JsonKind::Boolean:
    return event.boolean ? "true" : "false";
  case JsonKind::Integer:
    return describeNumber(event.negative, event.magnitude);
  case JsonKind::Real:
    return "the number " + event.text;
  case JsonKind::String:
    return "the string " + inQuotes(event.text);
  case JsonKind::Key:
    return "the key " + inQuotes(event.text);
  case JsonKind::ObjectBegin:
    return "an object";
  case JsonKind::ArrayBegin:
    return "an array";
  case JsonKind::ObjectEnd:
  case JsonKind::ArrayEnd:
    return "the end";
  }
  return "nothing";
}

std::string describe(const JsonValue &value) {
  JsonEvent event(value.kind);
  event.boolean = value.boolean;
  event.negative = value.negative;
  event.magnitude = value.magnitude;
  event.text = value.text;
  return describe(event);
}

namespace {
/// Turns the parser's callbacks into events. A refused event does not stop the
/// parser, because a text that is no JSON at all must be reported as such.
class Adaptor : public nlohmann::json_sax<nlohmann::json> {
public:
  explicit Adaptor(JsonHandler &handler) : handler(handler) {}

  bool null() override { return emit(JsonEvent(JsonKind::Null)); }
  bool boolean(bool value) override {
    JsonEvent event(JsonKind::Boolean);
    event.boolean = value;
    return emit(std::move(event));
  }
  bool number_integer(number_integer_t value) override {
    return integer(true, uint64_t(0) - static_cast<uint64_t>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return integer(false, value);
  }
  bool number_float(number_float_t value, const string_t &text) override {
    JsonEvent event(JsonKind::Real);
    event.real = value;
    event.text = text;
    return emit(std::move(event));
  }
  bool string(string_t &value) override {
    return named(JsonKind::String, value);
  }
  bool key(string_t &value) override { return named(JsonKind::Key, value); }
  bool binary(binary_t &) override { return false; }
  bool start_object(size_t) override { return open(JsonKind::ObjectBegin); }
  bool end_object() override { return close(JsonKind::ObjectEnd); }
  bool start_array(size_t) override { return open(JsonKind::ArrayBegin); }
  bool end_array() override { return close(JsonKind::ArrayEnd); }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    fatal = invalid("expects JSON in UTF-8, but the text breaks off or is "
                    "malformed at byte " +
                    std::to_string(position));
    return false;
  }

  Status result() const { return fatal.isOk() ? refusal : fatal; }

private:
  bool emit(JsonEvent event) {
    if (refusal.isOk())
      refusal = handler.onEvent(event);
    return true;
  }
  bool integer(bool negative, uint64_t magnitude) {
    JsonEvent event(JsonKind::Integer);
    event.negative = negative;
    event.magnitude = magnitude;
    event.real = static_cast<double>(magnitude) * (negative ? -1 : 1);
    return emit(std::move(event));
  }
  bool named(JsonKind kind, std::string &text) {
    JsonEvent event(kind);
    event.text = std::move(text);
    return emit(std::move(event));
  }
  bool open(JsonKind kind) {
    if (depth == jsonDepthLimit) {
      fatal = invalid("expects JSON that nests at most " +
                      std::to_string(jsonDepthLimit) +
                      " levels deep, but got more (nesting limit)");
      return false;
    }
    ++depth;
    return emit(JsonEvent(kind));
  }
  bool close(JsonKind kind) {
    --depth;
    return emit(JsonEvent(kind));
  }

  JsonHandler &handler;
  Status refusal; ///< the handler's objection
  Status fatal;   ///< not JSON, or nested too deep
  size_t depth = 0;
};
} // namespace

Status readJson(Span<const uint8_t> text, JsonHandler &handler) {
  static const uint8_t byteOrderMark[] = {0xEF, 0xBB, 0xBF};
  if (text.size() >= 3 && !std::memcmp(text.data(), byteOrderMark, 3))
    return invalid("expects JSON without a byte order mark, but got one");
  // The parser takes a NUL byte for the end of its input, which would hide
  // whatever follows.
  if (!text.empty() && std::memchr(text.data(), 0, text.size()))
    return invalid("expects JSON in UTF-8, but got a NUL byte");
  Adaptor adaptor(handler);
  nlohmann::json::sax_parse(text.begin(), text.end(), &adaptor);
  return adaptor.result();
}

const JsonValue *JsonValue::find(const std::string &key) const {
  for (const auto &[name, value] : members)
    if (name == key)
      return &value;
  return nullptr;
}

std::optional<int64_t> JsonValue::asInteger() const {
  if (kind != JsonKind::Integer || magnitude > INT64_MAX)
    return std::nullopt;
  return static_cast<int64_t>(magnitude) * (negative ? -1 : 1);
}

namespace {
/// Builds the tree. `open` holds the path to the value being filled; pointers
/// into it stay valid because a container grows only while it is the last.
class TreeBuilder : public JsonHandler {
public:
  JsonValue root;

  Status onEvent(JsonEvent &event) override {
    switch (event.kind) {
    case JsonKind::Key:
      open.back()->members.emplace_back(std::move(event.text), JsonValue());
      return Status::ok();
    case JsonKind::ObjectEnd:
      if (Status status = checkKeys(*open.back()); !status)
        return status;
      open.pop_back();
      return Status::ok();
    case JsonKind::ArrayEnd:
      open.pop_back();
      return Status::ok();
    default:
      break;
    }
    JsonValue &value = nextSlot();
    value.kind = event.kind;
    value.boolean = event.boolean;
    value.negative = event.negative;
    value.magnitude = event.magnitude;
    value.real = event.real;
    value.text = std::move(event.text);
    if (event.kind == JsonKind::ObjectBegin ||
        event.kind == JsonKind::ArrayBegin)
      open.push_back(&value);
    return Status::ok();
  }

private:
  static Status checkKeys(const JsonValue &object) {
    std::vector<const std::string *> keys;
    for (const auto &member : object.members)
      keys.push_back(&member.first);
    std::sort(keys.begin(), keys.end(),
              [](const auto *a, const auto *b) { return *a < *b; });
    for (size_t i = 1; i < keys.size(); ++i)
      if (*keys[i - 1] == *keys[i])
        return invalid("duplicate key " + inQuotes(*keys[i]));
    return Status::ok();
  }
  JsonValue &nextSlot() {
    if (open.empty())
      return root;
    JsonValue &parent = *open.back();
    if (parent.kind == JsonKind::ObjectBegin)
      return parent.members.back().second;
    return parent.items.emplace_back();
  }

  std::vector<JsonValue *> open;
};
} // namespace

Result<JsonValue> parseJson(Span<const uint8_t> text, size_t largest) {
  if (text.size() > largest)
    return invalid("expects at most " + std::to_string(largest) +
                   " bytes, but got " + std::to_string(text.size()));
  TreeBuilder builder;
  if (Status status = readJson(text, builder); !status)
    return status;
  return std::move(builder.root);
}

} // namespace quern
