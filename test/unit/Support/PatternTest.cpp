// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Patterns: what Python's re.match says of them, and what is refused.

#include "quern/Support/Pattern.h"

#include <gtest/gtest.h>

using namespace quern;

namespace {

bool matches(const std::string &pattern, const std::string &text) {
  Result<Pattern> parsed = Pattern::parse(pattern);
  EXPECT_TRUE(parsed.isOk()) << parsed.status().message();
  return parsed && parsed->matches(text);
}

std::string errorOf(const std::string &pattern) {
  return Pattern::parse(pattern).status().message();
}

TEST(Pattern, Names) {
  const std::string name = "model.layers.12.mlp.down_proj";
  for (const char *pattern :
       {"model", ".*down_proj$", "model\\.layers\\.\\d+\\.mlp", ".*", "",
        "model.layers.(1|12).mlp.*", "^model", "(?:x|model)\\.", ".*[.]mlp[.]",
        "model\\.layers\\.[0-9]{1,2}\\.mlp\\.(up|down)_proj$", "[^x]+$",
        ".*?down", "model.layers.1[1-3]\\.", "\\w+\\.\\w+",
        "(model\\.)?layers|m", "[\\w.]*$", "model.layers.1{1}2{1,}",
        "([a-z]+\\.){2}\\d\\d"})
    EXPECT_TRUE(matches(pattern, name)) << pattern;
  for (const char *pattern :
       {"down_proj", ".*down$", "model\\.layers\\.\\D", "layers|proj",
        "model.layers.(1|13)\\.mlp", "[^m]", "model{2}", ".*x", "(x|y)+",
        "model$", ".+\\s", "[]]", "([a-z]+\\.){3}"})
    EXPECT_FALSE(matches(pattern, name)) << pattern;
  EXPECT_FALSE(matches(".", "\n"));
  EXPECT_TRUE(matches("[]x]+$", "x]x"));
}

TEST(Pattern, NothingTakesLong) {
  std::string text(2000, 'a');
  EXPECT_FALSE(matches("(a*)*b", text));
  EXPECT_FALSE(matches("(a|aa)+$", text + "b"));
  EXPECT_FALSE(matches("(.*)(.*)(.*)(.*)(.*)x", text));
}

TEST(Pattern, WhatIsRefused) {
  EXPECT_EQ(errorOf(std::string(1025, 'a')).substr(0, 9), "pattern '");
  EXPECT_NE(
      errorOf(std::string(1 << 20, 'a'))
          .find("expects a pattern of at most 1024 bytes, but got 1048576"),
      std::string::npos);
  EXPECT_EQ(errorOf("(a"),
            "pattern '(a': expects a simple pattern, but got '(' without ')'");
  EXPECT_EQ(errorOf("a)"),
            "pattern 'a)': expects a simple pattern, but got ')' without '('");
  EXPECT_EQ(errorOf("[a"),
            "pattern '[a': expects a simple pattern, but got '[' without ']'");
  EXPECT_EQ(errorOf("(?=a)"), "pattern '(?=a)': expects a simple pattern, but "
                              "got '(?', which is not '(?:'");
  EXPECT_EQ(errorOf("*a"), "pattern '*a': expects a simple pattern, but got a "
                           "repetition of nothing");
  for (const char *pattern :
       {"a**", "a{2", "a{3,2}", "a{1001}", "\\1", "a\\", "\\b", "[b-a]",
        "((((a{99}){99}){99}){99})", "((((){99}){99}){99}){99}"})
    EXPECT_NE(errorOf(pattern), "") << pattern;
  std::string nested;
  for (int i = 0; i < 40; ++i)
    nested = "(" + nested + ")";
  EXPECT_NE(errorOf(nested).find("groups nested 33 deep"), std::string::npos);
}

} // namespace
