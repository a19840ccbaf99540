// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Text of names and shapes in messages.

#include "quern/Support/Text.h"

#include <gtest/gtest.h>

using namespace quern;

TEST(Text, QuotesEscapeControlCharacters) {
  EXPECT_EQ(inQuotes("model.norm"), "'model.norm'");
  EXPECT_EQ(inQuotes(std::string("a\x1b[0m\n\0b", 8)),
            "'a\\x1B[0m\\x0A\\x00b'");
  EXPECT_EQ(inQuotes("\xc3\xa9"), "'\xc3\xa9'");
}

TEST(Text, QuotesAreUtf8) {
  EXPECT_EQ(inQuotes("\xf0\x9f\x99\x82\xe6\xbc\xa2"),
            "'\xf0\x9f\x99\x82\xe6\xbc\xa2'");
  EXPECT_EQ(inQuotes("a\xff\xc3"), "'a\\xFF\\xC3'"); // no character, a half
  EXPECT_EQ(inQuotes("\xc1\x81"), "'\\xC1\\x81'");   // longer than need be
  EXPECT_EQ(inQuotes("\xed\xa0\x80"), "'\\xED\\xA0\\x80'"); // a surrogate
  EXPECT_EQ(inQuotes("\xf4\x90\x80\x80"), "'\\xF4\\x90\\x80\\x80'");
  EXPECT_EQ(inQuotes("\xc2\x9b"), "'\\xC2\\x9B'"); // begins a sequence
  // A character is not cut.
  std::string almost(199, 'x');
  EXPECT_EQ(inQuotes(almost + "\xc3\xa9y"), "'" + almost + "\xc3\xa9...'");
}

TEST(Text, QuotesCutLongText) {
  EXPECT_EQ(inQuotes(std::string(200, 'x')), "'" + std::string(200, 'x') + "'");
  EXPECT_EQ(inQuotes(std::string(201, 'x')),
            "'" + std::string(200, 'x') + "...'");
}

TEST(Text, Shapes) {
  EXPECT_EQ(shapeText({}), "[]");
  EXPECT_EQ(shapeText(std::vector<int64_t>{2, 0, 3}), "[2, 0, 3]");
  EXPECT_EQ(shapeText(std::vector<int64_t>(17, 1)),
            "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ... of 17 "
            "extents]");
}
