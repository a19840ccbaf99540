// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The mixtures of types that llama-quantize makes.

#include "quern/Weights/GgufMixtures.h"

#include <cctype>
#include <map>
#include <sstream>

namespace quern::weights {

extern const char *const llamaQuantizeText; ///< share/llama-quantize.txt

namespace {
struct Shipped {
  std::vector<Mixture> mixtures;
  std::map<std::string, const GgmlType *> fallbacks;
};

/// A matrix, as conditions look at it.
struct Place {
  const Mixture &mixture;
  const MixtureModel &model;
  std::string weight;
  int64_t layer = 0;
  int64_t columns = 0;
};
} // namespace

static MixtureRule readRule(const std::vector<std::string> &words) {
  MixtureRule rule;
  rule.weight = words.front();
  rule.conditions.assign(words.begin() + 1, words.end() - 1);
  rule.type = findGgmlType(words.back());
  return rule;
}

/// The shipped text is tested to parse; lines that do not are missed there.
static Shipped readShipped() {
  Shipped shipped;
  std::istringstream lines(llamaQuantizeText);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream stream(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
      words.push_back(word);
    if (words.size() < 2 || words[0] == "version")
      continue;
    if (words[0] == "mixture")
      shipped.mixtures.push_back({words[1],
                                  uint32_t(std::stoul(words[2])),
                                  findGgmlType(words[3]),
                                  {}});
    else if (words[0] == "fallback")
      shipped.fallbacks[words[1]] = findGgmlType(words[2]);
    else
      shipped.mixtures.back().rules.push_back(readRule(words));
  }
  return shipped;
}

static const Shipped &shippedMixtures() {
  static const Shipped shipped = readShipped();
  return shipped;
}

const Mixture *findMixture(const std::string &name) {
  std::string capitals = name;
  for (char &c : capitals)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const Mixture &mixture : shippedMixtures().mixtures)
    if (mixture.name == capitals)
      return &mixture;
  return nullptr;
}

std::vector<std::string> mixtureNames() {
  std::vector<std::string> names;
  for (const Mixture &mixture : shippedMixtures().mixtures)
    names.push_back(mixture.name);
  return names;
}

/// What stands behind `word=` in a condition, if it is one of that word.
static std::optional<int64_t> numberIn(const std::string &condition,
                                       const std::string &word) {
  if (condition.compare(0, word.size() + 1, word + "=") != 0)
    return std::nullopt;
  return std::stoll(condition.substr(word.size() + 1));
}

static bool holds(const std::string &condition, const Place &place) {
  int64_t i = place.layer, n = place.model.layers;
  int64_t keys = std::max<int64_t>(1, place.model.kvHeads);
  if (auto count = numberIn(condition, "below"))
    return i < *count;
  if (auto count = numberIn(condition, "gqa"))
    return place.model.heads / keys >= *count;
  if (auto count = numberIn(condition, "layers"))
    return n == *count;
  if (condition == "eighth")
    return i < n / 8;
  if (condition == "sixteenth")
    return i < n / 16;
  if (condition == "middle")
    return i >= n / 8 && i < 7 * n / 8;
  if (condition == "more")
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
  if (condition == "grouped")
    return place.model.heads != place.model.kvHeads;
  return condition == "ragged" &&
         place.columns % place.mixture.type->blockColumns != 0;
}

/// `blk.3.attn_q.weight` is `attn_q` of layer 3.
static void readName(const std::string &tensor, Place &place) {
  const std::string prefix = "blk.";
  size_t end = tensor.rfind('.');
  if (tensor.compare(0, prefix.size(), prefix) != 0) {
    place.weight = tensor.substr(0, end);
    if (place.weight == "token_embd" && place.model.isTied)
      place.weight = "output";
    return;
  }
  size_t dot = tensor.find('.', prefix.size());
  place.layer = std::stoll(tensor.substr(prefix.size(), dot - prefix.size()));
  place.weight = tensor.substr(dot + 1, end - dot - 1);
  // Fused projections count as that of values, and the matrices of all experts
  // as the one that a layer without experts has.
  const std::string experts = "_exps";
  if (place.weight == "attn_qkv")
    place.weight = "attn_v";
  if (size_t cut = place.weight.size() - experts.size();
      place.weight.size() > experts.size() &&
      place.weight.compare(cut, experts.size(), experts) == 0)
    place.weight.resize(cut);
}

static const GgmlType *chosenType(const Place &place) {
  for (const MixtureRule &rule : place.mixture.rules) {
    bool fits = rule.weight == place.weight;
    for (const std::string &condition : rule.conditions)
      fits = fits && holds(condition, place);
    if (fits)
      return rule.type;
  }
  return place.mixture.type;
}

const GgmlType *typeIn(const Mixture &mixture, const MixtureModel &model,
                       const std::string &tensor, int64_t columns) {
  Place place{mixture, model, "", 0, columns};
  readName(tensor, place);
  const GgmlType *type = chosenType(place);
  const auto &fallbacks = shippedMixtures().fallbacks;
  // llama-quantize looks for one type, and then takes halves.
  for (const char *last : {"", "*"}) {
    if (columns % type->blockColumns == 0)
      break;
    auto found = fallbacks.find(*last ? last : type->name);
    if (found != fallbacks.end())
      type = found->second;
  }
  return type;
}

std::optional<uint32_t> fileTypeOf(const std::string &type) {
  for (const Mixture &mixture : shippedMixtures().mixtures)
    if (mixture.type->name == type)
      return mixture.fileType;
  return std::nullopt;
}

} // namespace quern::weights
