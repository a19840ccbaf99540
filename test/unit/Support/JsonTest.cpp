// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The JSON tree. The reader of events below it is tested with hostile
// safetensors headers in test/Weights.

#include "quern/Support/Json.h"

#include <gtest/gtest.h>

using namespace quern;

static Result<JsonValue> parse(const std::string &text) {
  return parseJson(
      {reinterpret_cast<const uint8_t *>(text.data()), text.size()});
}

static std::string errorOf(const std::string &text) {
  Result<JsonValue> value = parse(text);
  return value ? "" : value.status().message();
}

TEST(Json, TreeHoldsEveryKindOfValue) {
  Result<JsonValue> root =
      parse(R"({"a": [1, -2, 2.5, "x\u00e9"], "b": {"c": true, "d": null}})");
  ASSERT_TRUE(root) << root.status().message();
  const JsonValue *a = root->find("a");
  ASSERT_TRUE(a);
  ASSERT_EQ(a->items.size(), 4u);
  EXPECT_EQ(a->items[0].asInteger(), 1);
  EXPECT_EQ(a->items[1].asInteger(), -2);
  EXPECT_EQ(a->items[2].kind, JsonKind::Real);
  EXPECT_EQ(a->items[2].real, 2.5);
  EXPECT_EQ(a->items[2].asInteger(), std::nullopt);
  EXPECT_EQ(a->items[3].text, "x\xc3\xa9");
  const JsonValue *b = root->find("b");
  ASSERT_TRUE(b);
  EXPECT_TRUE(b->find("c")->boolean);
  EXPECT_EQ(b->find("d")->kind, JsonKind::Null);
  EXPECT_EQ(b->find("e"), nullptr);
}

TEST(Json, IntegersKeepAllTheirBits) {
  EXPECT_EQ(parse("9223372036854775807")->asInteger(), INT64_MAX);
  EXPECT_EQ(parse("-9223372036854775807")->asInteger(), -INT64_MAX);
  Result<JsonValue> above = parse("18446744073709551615");
  EXPECT_EQ(above->kind, JsonKind::Integer);
  EXPECT_EQ(above->magnitude, UINT64_MAX);
  EXPECT_EQ(above->asInteger(), std::nullopt);
  EXPECT_EQ(parse("18446744073709551616")->kind, JsonKind::Real);
  EXPECT_EQ(parse("1e3")->kind, JsonKind::Real);
}

TEST(Json, RepeatedKeysAreAnError) {
  EXPECT_EQ(errorOf(R"({"a": {"k": 1, "j": 2, "k": 3}})"), "duplicate key 'k'");
  EXPECT_EQ(errorOf(R"({"a": {"k": 1}, "b": {"k": 1}})"), "");
}

TEST(Json, NestingHasALimit) {
  std::string open(jsonDepthLimit, '['), close(jsonDepthLimit, ']');
  EXPECT_EQ(errorOf(open + close), "");
  EXPECT_EQ(errorOf("[" + open + close + "]"),
            "expects JSON that nests at most 32 levels deep, but got more "
            "(nesting limit)");
}

TEST(Json, WhatIsNoJsonIsReportedWithItsPlace) {
  EXPECT_EQ(errorOf("{\"a\" 1}"), "expects JSON in UTF-8, but the text breaks "
                                  "off or is malformed at byte 6");
  EXPECT_EQ(errorOf("1e999"), "expects JSON in UTF-8, but the text breaks off "
                              "or is malformed at byte 5");
  EXPECT_EQ(errorOf(std::string("1\0", 2)),
            "expects JSON in UTF-8, but got a NUL byte");
  EXPECT_EQ(errorOf("\xef\xbb\xbf{}"),
            "expects JSON without a byte order mark, but got one");
  EXPECT_NE(errorOf(""), "");
  EXPECT_NE(errorOf("NaN"), "");
  EXPECT_NE(errorOf("\"\xff\""), "");
}

TEST(Json, SizeHasALimit) {
  EXPECT_EQ(errorOf(std::string((1 << 20) + 1, ' ')),
            "expects at most 1048576 bytes, but got 1048577");
}

TEST(Json, ManyKeysAreReadInReasonableTime) {
  std::string text = "{";
  for (int i = 0; i < 60000; ++i)
    text += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
  Result<JsonValue> root = parse(text + "}");
  ASSERT_TRUE(root) << root.status().message();
  EXPECT_EQ(root->members.size(), 60000u);
}
