// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A sentencepiece model of pairs, `llama` in GGUF: neighbours are merged
// whose piece has the highest score. Blanks are U+2581, and what no piece is of
// becomes bytes.

#include "TokenizerParts.h"

#include <algorithm>

namespace quern::import {

using weights::blankPiece;

namespace {
/// A merge and what decides its place.
struct RankedMerge {
  Merge merge;
  float score;
};
} // namespace

/// Every way to put a piece together from two others, best scores first. Of
/// equal scores the model takes the pair that begins first in the text: so the
/// longest pieces come first, which in a run of blanks or line ends is that.
static std::vector<Merge> mergesOf(const Vocabulary &vocabulary) {
  auto isPiece = [&](int64_t id) {
    TokenType type = vocabulary.types[size_t(id)];
    return type == TokenType::Normal || type == TokenType::UserDefined;
  };
  std::vector<RankedMerge> ranked;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    std::string_view piece = vocabulary.tokens[id];
    if (!isPiece(int64_t(id)))
      continue;
    for (size_t cut = 1; cut < piece.size(); ++cut) {
      if ((piece[cut] & 0xc0) == 0x80)
        continue; // inside a character
      auto left = vocabulary.ids.find(piece.substr(0, cut));
      auto right = vocabulary.ids.find(piece.substr(cut));
      if (left != vocabulary.ids.end() && right != vocabulary.ids.end() &&
          isPiece(left->second) && isPiece(right->second))
        ranked.push_back({{left->first, right->first}, vocabulary.scores[id]});
    }
  }
  std::stable_sort(
      ranked.begin(), ranked.end(),
      [](const RankedMerge &a, const RankedMerge &b) {
        if (a.score != b.score)
          return a.score > b.score;
        return std::pair(a.merge.left.size(), a.merge.right.size()) >
               std::pair(b.merge.left.size(), b.merge.right.size());
      });
  std::vector<Merge> merges;
  for (const RankedMerge &entry : ranked)
    merges.push_back(entry.merge);
  return merges;
}

static void writeReplace(llvm::json::OStream &json, const char *what,
                         const char *by) {
  json.attribute("type", "Replace");
  json.attributeObject("pattern", [&] { json.attribute("String", what); });
  json.attribute("content", by);
}

static void writeNormalizer(llvm::json::OStream &json, bool hasPrefix) {
  json.attributeObject("normalizer", [&] {
    json.attribute("type", "Sequence");
    json.attributeArray("normalizers", [&] {
      if (hasPrefix)
        json.object([&] {
          json.attribute("type", "Prepend");
          json.attribute("prepend", blankPiece);
        });
      json.object([&] { writeReplace(json, " ", blankPiece); });
    });
  });
}

static void writeDecoder(llvm::json::OStream &json, bool hasPrefix) {
  json.attributeObject("decoder", [&] {
    json.attribute("type", "Sequence");
    json.attributeArray("decoders", [&] {
      json.object([&] { writeReplace(json, blankPiece, " "); });
      for (const char *type : {"ByteFallback", "Fuse"})
        json.object([&] { json.attribute("type", type); });
      if (hasPrefix)
        json.object([&] {
          json.attribute("type", "Strip");
          json.attribute("content", " ");
          json.attribute("start", 1);
          json.attribute("stop", 0);
        });
    });
  });
}

std::function<void(llvm::json::OStream &)>
readSentencePiece(Facts &facts, const Vocabulary &vocabulary, bool &addsBos) {
  addsBos = true;
  bool hasPrefix = facts.boolean("add_space_prefix", true);
  if (vocabulary.scores.empty())
    facts.fail("scores", "tokenizer inconsistency: expects scores, because the "
                         "tokenizer is 'llama', but there are none");
  if (!facts.status())
    return {};
  BpeOptions options;
  options.merges = mergesOf(vocabulary);
  options.unknown = vocabulary.unknown;
  for (TokenType type : vocabulary.types)
    options.hasBytes |= type == TokenType::Byte;
  return [=, &vocabulary](llvm::json::OStream &json) {
    writeNormalizer(json, hasPrefix);
    json.attribute("pre_tokenizer", nullptr);
    writeDecoder(json, hasPrefix);
    writeModel(json, vocabulary, options);
  };
}

} // namespace quern::import
