// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Byte-level BPE, `gpt2` in GGUF: words, then merges in a given order.

#include "TokenizerParts.h"

#include "quern/Support/Text.h"

namespace quern::import {

using weights::WordSplit;

static const WordSplit *findSplit(Facts &facts) {
  std::string name = facts.string("pre");
  std::string known;
  for (const WordSplit &split : weights::wordSplits()) {
    if (name == split.name)
      return &split;
    known += (known.empty() ? "" : ", ") + inQuotes(split.name);
  }
  facts.fail("pre", "expects one of " + known + ", but got " + inQuotes(name),
             StatusCode::Unsupported);
  return nullptr;
}

/// `merges` are pairs of tokens with a blank between, whose text is a token.
static void readMerges(Facts &facts, const Vocabulary &vocabulary,
                       std::vector<Merge> &merges) {
  const weights::MetadataValue *list =
      facts.array("merges", weights::MetadataType::String);
  if (!list)
    return facts.fail("merges", "tokenizer inconsistency: expects merges, "
                                "because the tokenizer is 'gpt2', but there "
                                "are none");
  for (std::string_view text : list->strings) {
    size_t blank = text.find(' ', 1);
    Merge merge{text.substr(0, blank), {}};
    if (blank != std::string_view::npos)
      merge.right = text.substr(blank + 1);
    std::string whole(merge.left);
    whole += merge.right;
    bool isKnown = !merge.right.empty() && vocabulary.ids.count(merge.left) &&
                   vocabulary.ids.count(merge.right) &&
                   vocabulary.ids.count(whole);
    if (!isKnown)
      return facts.fail("merges", "tokenizer inconsistency: expects two tokens "
                                  "that together are one, but got " +
                                      inQuotes(std::string(text)));
    merges.push_back(merge);
  }
}

static void writeByteLevel(llvm::json::OStream &json, bool cutsWords) {
  json.attribute("type", "ByteLevel");
  json.attribute("add_prefix_space", false);
  json.attribute("trim_offsets", true);
  json.attribute("use_regex", cutsWords);
}

static void writePreTokenizer(llvm::json::OStream &json,
                              const WordSplit &split) {
  if (!split.pattern)
    return json.attributeObject("pre_tokenizer",
                                [&] { writeByteLevel(json, true); });
  json.attributeObject("pre_tokenizer", [&] {
    json.attribute("type", "Sequence");
    json.attributeArray("pretokenizers", [&] {
      json.object([&] {
        json.attribute("type", "Split");
        json.attributeObject("pattern",
                             [&] { json.attribute("Regex", split.pattern); });
        json.attribute("behavior", "Isolated");
        json.attribute("invert", false);
      });
      json.object([&] { writeByteLevel(json, false); });
    });
  });
}

std::function<void(llvm::json::OStream &)>
readByteLevel(Facts &facts, const Vocabulary &vocabulary, bool &addsBos) {
  const WordSplit *split = findSplit(facts);
  BpeOptions options;
  readMerges(facts, vocabulary, options.merges);
  if (!split)
    return {};
  options.ignoresMerges = split->ignoresMerges;
  addsBos = split->addsBos;
  return [=, &vocabulary](llvm::json::OStream &json) {
    if (split->normalizes)
      json.attributeObject("normalizer",
                           [&] { json.attribute("type", "NFC"); });
    else
      json.attribute("normalizer", nullptr);
    writePreTokenizer(json, *split);
    json.attributeObject("decoder", [&] { writeByteLevel(json, true); });
    writeModel(json, vocabulary, options);
  };
}

} // namespace quern::import
