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
