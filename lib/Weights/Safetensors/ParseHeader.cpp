// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The JSON of a safetensors header: what each entry may contain.

#include "Header.h"

#include "quern/Support/Json.h"
#include "quern/Support/Text.h"

#include <algorithm>

namespace quern::weights {

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

namespace {
/// Walks `{name: {dtype, shape, data_offsets}, "__metadata__": {text: text}}`.
/// Memory stays below a small multiple of the text: nothing is kept but the
/// entries and the keys of the metadata, and its texts for who wants them.
class HeaderHandler : public JsonHandler {
public:
  explicit HeaderHandler(HeaderTexts *texts) : texts(texts) {}

  std::vector<HeaderEntry> entries;

  Status onEvent(JsonEvent &event) override {
    switch (place) {
    case Place::Start:
      if (event.kind != JsonKind::ObjectBegin)
        return invalid("expects the header to be an object, but got " +
                       describe(event));
      place = Place::Names;
      return Status::ok();
    case Place::Names:
      return onName(event);
    case Place::Entry:
      return inEntry(onField(event));
    case Place::FieldValue:
      return inEntry(onFieldValue(event));
    case Place::Numbers:
      return inEntry(onNumber(event));
    case Place::Metadata:
      return onMetadata(event);
    }
    return Status::ok();
  }

private:
  enum class Place { Start, Names, Entry, FieldValue, Numbers, Metadata };
  enum Field : unsigned { DTypeField, ShapeField, OffsetsField, NoField };
  static constexpr const char *fieldNames[] = {"dtype", "shape",
                                               "data_offsets"};

  Status onName(JsonEvent &event) {
    if (event.kind == JsonKind::ObjectEnd)
      return Status::ok();
    if (event.kind == JsonKind::Key) {
      inMetadata = event.text == "__metadata__";
      if (inMetadata && hadMetadata)
        return invalid("duplicate key '__metadata__'");
      if (!inMetadata)
        entries.emplace_back().tensor.name = std::move(event.text);
      return Status::ok();
    }
    if (event.kind != JsonKind::ObjectBegin) {
      std::string message = "expects an object, but got " + describe(event);
      return inMetadata ? invalid("__metadata__: " + message)
                        : inEntry(invalid(message));
    }
    seen = 0;
    hadMetadata |= inMetadata;
    place = inMetadata ? Place::Metadata : Place::Entry;
    return Status::ok();
  }

  Status inEntry(const Status &status) const {
    return status.withContext("tensor " + inQuotes(entries.back().tensor.name));
  }

  Status onField(JsonEvent &event) {
    if (event.kind == JsonKind::ObjectEnd)
      return onEntryEnd();
    unsigned which = 0;
    while (which < NoField && event.text != fieldNames[which])
      ++which;
    if (which == NoField)
      return invalid("expects the fields dtype, shape and data_offsets, but "
                     "got unknown field " +
                     inQuotes(event.text));
    field = static_cast<Field>(which);
    if (seen & (1u << field))
      return invalid("duplicate key " + inQuotes(event.text));
    seen |= 1u << field;
    place = Place::FieldValue;
    return Status::ok();
  }

  Status onFieldValue(JsonEvent &event) {
    if (field == DTypeField) {
      place = Place::Entry;
      if (event.kind != JsonKind::String)
        return invalid("expects dtype to be a string, but got " +
                       describe(event));
      std::optional<DType> dtype = parseDType(event.text);
      if (!dtype)
        return invalid("unknown dtype " + inQuotes(event.text));
      entries.back().tensor.dtype = *dtype;
      return Status::ok();
    }
    if (event.kind != JsonKind::ArrayBegin)
      return invalid("expects " + std::string(fieldNames[field]) +
                     " to be an array, but got " + describe(event));
    offsets = 0;
    place = Place::Numbers;
    return Status::ok();
  }

  Status onNumber(JsonEvent &event) {
    if (event.kind == JsonKind::ArrayEnd) {
      place = Place::Entry;
      if (field == OffsetsField && offsets != 2)
        return invalid("expects 2 data_offsets, but got " +
                       std::to_string(offsets));
      return Status::ok();
    }
    // Integers above 2^53 do not survive readers that hold numbers as doubles.
    constexpr uint64_t largest = uint64_t(1) << 53;
    if (event.kind != JsonKind::Integer || event.negative ||
        event.magnitude > largest)
      return invalid("expects " + std::string(fieldNames[field]) +
                     " of non-negative integers up to 2^53, but got " +
                     describe(event));
    HeaderEntry &entry = entries.back();
    if (field == ShapeField)
      entry.tensor.shape.push_back(static_cast<int64_t>(event.magnitude));
    else if (++offsets <= 2)
      (offsets == 1 ? entry.begin : entry.end) = event.magnitude;
    return Status::ok();
  }

  Status onEntryEnd() {
    place = Place::Names;
    for (unsigned which = 0; which < NoField; ++which)
      if (!(seen & (1u << which)))
        return invalid("expects a field '" + std::string(fieldNames[which]) +
                       "', but there is none");
    const HeaderEntry &entry = entries.back();
    if (entry.end < entry.begin)
      return invalid("expects data_offsets that do not run backwards, but got "
                     "inverted offsets [" +
                     std::to_string(entry.begin) + ", " +
                     std::to_string(entry.end) + "]");
    return Status::ok();
  }

  Status onMetadata(JsonEvent &event) {
    switch (event.kind) {
    case JsonKind::Key:
      metadataKeys.push_back(std::move(event.text));
      return Status::ok();
    case JsonKind::String:
      if (texts)
        texts->emplace_back(metadataKeys.back(), std::move(event.text));
      return Status::ok();
    case JsonKind::ObjectEnd:
      place = Place::Names;
      return checkMetadataKeys();
    default:
      return invalid("__metadata__: expects the value of " +
                     inQuotes(metadataKeys.back()) +
                     " to be a string, but got " + describe(event));
    }
  }

  Status checkMetadataKeys() {
    std::sort(metadataKeys.begin(), metadataKeys.end());
    auto twin = std::adjacent_find(metadataKeys.begin(), metadataKeys.end());
    if (twin != metadataKeys.end())
      return invalid("__metadata__: duplicate key " + inQuotes(*twin));
    metadataKeys.clear();
    return Status::ok();
  }

  Place place = Place::Start;
  Field field = NoField;
  unsigned seen = 0;    ///< bit set of the fields of this entry
  unsigned offsets = 0; ///< how many data_offsets this entry has so far
  bool inMetadata = false;
  bool hadMetadata = false;
  std::vector<std::string> metadataKeys;
  HeaderTexts *texts;
};
} // namespace

Result<std::vector<HeaderEntry>> parseHeader(Span<const uint8_t> json,
                                             HeaderTexts *texts) {
  HeaderHandler handler(texts);
  if (Status status = readJson(json, handler); !status)
    return status.withContext("invalid header");
  return std::move(handler.entries);
}

} // namespace quern::weights
