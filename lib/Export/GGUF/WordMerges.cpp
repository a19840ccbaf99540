// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The kinds of tokenizers in GGUF files: byte-level BPE with its merges,
// and sentencepiece with scores.

#include "HubTokenizer.h"
#include "quern/Support/Text.h"

#include "llvm/ADT/StringRef.h"

#include <map>

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
    if (found == tokenizer.ids.end())
      return false;
    TokenType type = tokenizer.types[found->second];
    return type == TokenType::Normal || type == TokenType::UserDefined;
  };
  size_t count = 0;
  for (size_t cut = 1; cut < piece.size(); ++cut)
    count += (piece[cut] & 0xc0) != 0x80 && isPiece(piece.substr(0, cut)) &&
             isPiece(piece.substr(cut));
  return count;
}

/// Whether `piece` is one character, several times, such as blanks or line
/// ends.
static bool isRun(const std::string &piece) {
  size_t width = 1;
  while (width < piece.size() && (piece[width] & 0xc0) == 0x80)
    ++width;
  for (size_t i = width; i < piece.size(); ++i)
    if (piece[i] != piece[i - width])
      return false;
  return piece.size() > width;
}

/// The end of the merges that one score can stand for, from `begin` on: those
/// of one piece, or of runs of characters where longer lefts come first. The
/// leftmost pair of a run then grows as the leftmost of equal scores does.
static size_t endOfScore(const Merges &merges, size_t begin) {
  auto pieceOf = [&](size_t i) { return merges[i].first + merges[i].second; };
  const std::string first = pieceOf(begin);
  std::map<char, size_t> lengths; // by the character of the run
  for (size_t i = begin; i < merges.size(); ++i) {
    std::string piece = pieceOf(i);
    size_t length = merges[i].first.size();
    size_t &last = lengths.try_emplace(piece.front(), length).first->second;
    bool isNext = isRun(first) && isRun(piece) && length <= last;
    if (piece != first && !isNext)
      return i;
    last = length;
  }
  return merges.size();
}

/// Sentencepiece merges the neighbours whose piece has the highest score. So it
/// makes the merges of tokenizer.json if all that can make one piece stand
/// where one score can stand for them.
static Status scorePieces(const HubTokenizer &tokenizer, const Merges &merges,
                          std::vector<float> &scores) {
  for (size_t i = 0; i < merges.size();) {
    size_t end = endOfScore(merges, i);
    std::map<std::string, size_t> pieces;
    for (size_t k = i; k < end; ++k)
      ++pieces[merges[k].first + merges[k].second];
    for (const auto &[piece, count] : pieces) {
      auto found = tokenizer.ids.find(piece);
      if (found == tokenizer.ids.end() || scores[found->second] != 0 ||
          countSplits(tokenizer, piece) != count)
        return unsupported("expects merges that an order of the pieces says, "
                           "as sentencepiece has them, but got others, first "
                           "for " +
                           inQuotes(piece));
      scores[found->second] = -static_cast<float>(i + 1);
    }
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
