// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The kinds of tokenizers in GGUF files: byte-level BPE with its merges,
// and sentencepiece with scores.

#include "HubTokenizer.h"
#include "quern/Support/Text.h"

#include "llvm/ADT/StringRef.h"

using namespace quern;
using namespace quern::exporter;
using weights::WordSplit;
using Merges = std::vector<std::pair<std::string, std::string>>;

static Status unsupported(const std::string &message) {
  return Status::error(StatusCode::Unsupported, message);
}

namespace {
/// How tokenizer.json cuts words. Without a pattern, as GPT-2 does.
struct FoundSplit {
  const JsonValue *pattern = nullptr;
  bool isByteLevel = false;
  bool isKnown = true;
};
} // namespace

static void readSplit(const JsonValue *step, FoundSplit &found) {
  if (isText(step, "type", "Sequence")) {
    if (const JsonValue *list = member(step, "pretokenizers"))
      for (const JsonValue &item : list->items)
        readSplit(&item, found);
  } else if (isText(step, "type", "Split") && !found.pattern) {
    found.pattern = member(member(step, "pattern"), "Regex");
    found.isKnown &= found.pattern && isText(step, "behavior", "Isolated");
  } else if (isText(step, "type", "ByteLevel")) {
    const JsonValue *usesPattern = member(step, "use_regex");
    const JsonValue *hasPrefix = member(step, "add_prefix_space");
    found.isByteLevel = true;
    // Words are cut once.
    found.isKnown &= (!usesPattern || usesPattern->boolean) == !found.pattern;
    found.isKnown &= !(hasPrefix && hasPrefix->boolean);
  } else {
    found.isKnown = false;
  }
}

static const WordSplit *findSplit(const HubTokenizer &tokenizer) {
  FoundSplit found;
  readSplit(member(&tokenizer.json, "pre_tokenizer"), found);
  const JsonValue *normalizer = member(&tokenizer.json, "normalizer");
  const JsonValue *merges = tokenizer.part("merges");
  bool hasWords = merges && !merges->items.empty();
  // Where nothing is merged, each byte is a word.
  if (!hasWords && found.isByteLevel && !found.pattern && !normalizer)
    return weights::wordSplits().begin();
  if (!found.isKnown || !found.isByteLevel ||
      (normalizer && !isText(normalizer, "type", "NFC")))
    return nullptr;
  for (const WordSplit &split : weights::wordSplits())
    if (split.normalizes == (normalizer != nullptr) &&
        (split.pattern ? found.pattern && found.pattern->text == split.pattern
                       : !found.pattern))
      return &split;
  return nullptr;
}

Status exporter::describeByteLevel(const HubTokenizer &tokenizer,
                                   GgufValues &values) {
  const WordSplit *split = findSplit(tokenizer);
  if (!split) {
    std::string known;
    for (const WordSplit &other : weights::wordSplits())
      known += (known.empty() ? "" : ", ") + inQuotes(other.name);
    return unsupported("expects words to be split in one of the ways that are "
                       "known under the names " +
                       known + ", but got another");
  }
  Result<Merges> merges = readMerges(tokenizer);
  if (!merges)
    return merges.status();
  std::vector<std::string> lines;
  for (const auto &[left, right] : *merges)
    lines.push_back(left + " " + right);
  values.string("tokenizer.ggml.model", "gpt2");
  values.string("tokenizer.ggml.pre", split->name);
  values.strings("tokenizer.ggml.merges",
                 std::vector<std::string_view>(lines.begin(), lines.end()));
  return Status::ok();
}

/// Ways to put `piece` together from two others.
static size_t countSplits(const HubTokenizer &tokenizer,
                          const std::string &piece) {
  auto isPiece = [&](const std::string &text) {
    auto found = tokenizer.ids.find(text);
    return found != tokenizer.ids.end() &&
           tokenizer.types[found->second] == TokenType::Normal;
  };
  size_t count = 0;
  for (size_t cut = 1; cut < piece.size(); ++cut)
    count += (piece[cut] & 0xc0) != 0x80 && isPiece(piece.substr(0, cut)) &&
             isPiece(piece.substr(cut));
  return count;
}

/// Sentencepiece merges the neighbours whose piece has the highest score. So it
/// makes the merges of tokenizer.json if all that make one piece stand
/// together, and are all that can make it.
static Status scorePieces(const HubTokenizer &tokenizer, const Merges &merges,
                          std::vector<float> &scores) {
  for (size_t i = 0; i < merges.size();) {
    std::string piece = merges[i].first + merges[i].second;
    size_t end = i + 1;
    while (end < merges.size() &&
           merges[end].first + merges[end].second == piece)
      ++end;
    auto found = tokenizer.ids.find(piece);
    if (found == tokenizer.ids.end() || scores[found->second] != 0 ||
        countSplits(tokenizer, piece) != end - i)
      return unsupported("expects merges that an order of the pieces says, as "
                         "sentencepiece has them, but got others, first for " +
                         inQuotes(piece));
    scores[found->second] = -static_cast<float>(i + 1);
    i = end;
  }
  return Status::ok();
}

/// Whether a text gets a blank before it.
static bool addsPrefix(const JsonValue *step) {
  for (const char *key : {"normalizers", "pretokenizers"})
    if (const JsonValue *list = member(step, key))
      for (const JsonValue &item : list->items)
        if (addsPrefix(&item))
          return true;
  if (isText(step, "type", "Metaspace")) {
    const JsonValue *scheme = member(step, "prepend_scheme");
    return !scheme || scheme->text != "never";
  }
  return isText(step, "type", "Prepend");
}

Status exporter::describeSentencePiece(HubTokenizer &tokenizer,
                                       GgufValues &values) {
  for (size_t i = 0; i < tokenizer.tokens.size(); ++i) {
    llvm::StringRef text = tokenizer.tokens[i];
    if (text.size() == 6 && text.starts_with("<0x") && text.ends_with(">"))
      tokenizer.types[i] = TokenType::Byte;
  }
  if (const JsonValue *unknown = tokenizer.part("unk_token")) {
    auto found = tokenizer.ids.find(unknown->text);
    if (found != tokenizer.ids.end()) {
      tokenizer.types[found->second] = TokenType::Unknown;
      values.u32("tokenizer.ggml.unknown_token_id", found->second);
    }
  }
  Result<Merges> merges = readMerges(tokenizer);
  if (!merges)
    return merges.status();
  std::vector<float> scores(tokenizer.tokens.size());
  if (Status status = scorePieces(tokenizer, *merges, scores); !status)
    return status;
  bool hasPrefix = addsPrefix(member(&tokenizer.json, "normalizer")) ||
                   addsPrefix(member(&tokenizer.json, "pre_tokenizer"));
  values.string("tokenizer.ggml.model", "llama");
  values.f32s("tokenizer.ggml.scores", scores);
  values.boolean("tokenizer.ggml.add_space_prefix", hasPrefix);
  return Status::ok();
}
