// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file KV append and attention against softmax attention in double precision.

#include "KernelHarness.h"
#include "LinearProblem.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Numerics/EncodeTensor.h"
#include <cmath>
#include <numeric>
#include <optional>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

struct Case {
  int64_t headDim, kvHeads, shared; ///< query heads a key head
  int64_t window;
  const char *format;  ///< of the cache: a name or a text
  bool isLong = false; ///< worth a sequence of many keys
  float softcap = 0;
};

const Case kCases[] = {
    {8, 4, 2, 0, "f16", true},
    {8, 1, 1, 0, "f32"},
    {32, 2, 1, 0, "f16"},
    {48, 2, 4, 0, "f32"},
    {64, 1, 8, 0, "f16"},
    {128, 2, 2, 0, "f16"},
    {64, 2, 4, 5, "f16"},
    {32, 1, 3, 700, "f16", true},
    {32, 3, 1, 20, "f32"},
    {20, 2, 3, 0, "f16"},
    {32, 2, 2, 0, "f32", false, 0.5f},
    // A scale a group: several to 16 columns, one to them, one to many, and
    // groups that cross vectors of values.
    {8, 4, 2, 0, "i8 [1, 8], scale f32"},
    {32, 2, 2, 0, "i8 [1, 32], scale f16"},
    {64, 1, 4, 9, "q8_0"},
    {24, 2, 1, 0, "i8 [1, 12], scale f32"},
    {64, 2, 4, 0, "int4_g32_asym"},
    {16, 1, 12, 0, "i8 [1, 16], scale f16", true},
    {48, 1, 1, 0, "u3 [1, 8], scale f16, zero u3"},
    // Groups that end inside a byte.
    {20, 2, 3, 0, "i4 [1, 5], scale f16 from max / -8, round up"},
    // Codes in several pieces.
    {64, 1, 2, 0, "q5_1"},
    {32, 1, 2, 0, "i12 [1, 16], scale f32"},
    // Scales with scales of their own.
    {256, 1, 1, 0, "q4_k"},
    {256, 1, 2, 0, "q6_k"},
    // Small floats and tables, with a scale and without.
    {128, 1, 2, 0, "fp8_channel"},
    {32, 2, 1, 0, "f8E4M3FN"},
    {64, 1, 2, 0, "nf4"},
    {96, 1, 1, 0, "mxfp4"},
};

numerics::Format formatOf(const Case &c) {
  auto format = numerics::FormatRegistry::builtin().resolve(c.format);
  EXPECT_TRUE(format) << format.status().message();
  return *format;
}

AttentionSpec specOf(const Case &c) {
  AttentionSpec spec;
  spec.cache = {2, c.kvHeads, c.headDim, formatOf(c)};
  spec.queryHeads = c.kvHeads * c.shared;
  spec.scale = 1 / std::sqrt(float(c.headDim));
  spec.window = c.window;
  spec.softcap = c.softcap;
  return spec;
}

std::string nameOf(const char *stem, const Case &c) {
  return stem + std::to_string(&c - kCases);
}

/// What the cache keeps of rows of keys or values.
std::vector<float> stored(const Case &c, const std::vector<float> &x) {
  numerics::Format format = formatOf(c);
  auto coded =
      numerics::encodeRows(format, x, int64_t(x.size()) / c.headDim, c.headDim);
  EXPECT_TRUE(coded) << coded.status().message();
  return numerics::decodeRows(format, *coded);
}

/// A sequence: queries, keys and values of `tokens` tokens.
struct Sequence {
  Sequence(const Case &c, int64_t tokens)
      : c(c), tokens(tokens),
        query(randomValues(tokens * c.kvHeads * c.shared * c.headDim, 1)),
        key(randomValues(tokens * c.kvHeads * c.headDim, 2)),
        value(randomValues(tokens * c.kvHeads * c.headDim, 3)) {
    for (float &x : key)
      x *= 4; // scores of some spread
    // A head whose value is zero, as padding is in some models.
    std::fill_n(value.begin(), c.headDim, 0.0f);
    cachedKey = stored(c, key);
    cachedValue = stored(c, value);
  }
  int64_t queryWidth() const { return c.kvHeads * c.shared * c.headDim; }
  int64_t keyWidth() const { return c.kvHeads * c.headDim; }

  const Case &c;
  int64_t tokens;
  std::vector<float> query, key, value;
  std::vector<float> cachedKey, cachedValue; ///< as the cache keeps them
};

/// Rows [begin, end) of a [tokens, width] array.
RowBuffer rowsOf(const std::vector<float> &values, int64_t width, int64_t begin,
                 int64_t end) {
  RowBuffer rows(floatRow(width), end - begin);
  rows.assign({values.begin() + begin * width, values.begin() + end * width});
  return rows;
}

/// One layer of a cache, full of NaN, between guards.
class LayerBuffer {
public:
  LayerBuffer(const CacheShape &shape, int64_t capacity)
      : size(capacity *
             (shape.keyBytesPerToken() + shape.valueBytesPerToken())),
        bytes(size + 2 * kGuard, 0xff) {
    std::fill_n(bytes.begin(), kGuard, 0x5a);
    std::fill_n(bytes.end() - kGuard, kGuard, 0x5a);
  }
  uint8_t *data() { return bytes.data() + kGuard; }
  bool operator==(const LayerBuffer &other) const {
    return bytes == other.bytes;
  }
  void expectIntact() const {
    for (int64_t i = 0; i < kGuard; ++i)
      if (bytes[i] != 0x5a || bytes[bytes.size() - 1 - i] != 0x5a) {
        ADD_FAILURE() << "a byte outside the cache was written";
        return;
      }
  }

private:
  static constexpr int64_t kGuard = 128;
  int64_t size;
  std::vector<uint8_t> bytes;
};

/// Memory of `bytes` bytes full of NaN, and a guard behind it.
std::vector<float> makeScratch(int64_t bytes) {
  std::vector<float> scratch(bytes / 4 + 16, NAN);
  std::fill_n(scratch.end() - 16, 16, 777.0f);
  return scratch;
}

/// Whether attention of one token at `position` reads several chunks of keys.
bool isSplit(const AttentionSpec &spec, int64_t tokens, int64_t position) {
  int64_t first =
      spec.window ? std::max<int64_t>(0, position + 1 - spec.window) : 0;
  return tokens == 1 && first / kAttentionChunk != position / kAttentionChunk;
}

/// Feeds `sequence` in runs of `runs[i]` tokens and returns all outputs.
std::vector<float> attend(const KernelLibrary &library, const Sequence &s,
                          const std::vector<int64_t> &runs, int64_t capacity,
                          int64_t workers) {
  AttentionSpec spec = specOf(s.c);
  LayerBuffer layer(spec.cache, capacity);
  std::vector<float> result;
  int64_t position = 0;
  for (int64_t M : runs) {
    int64_t end = position + M;
    RowBuffer q = rowsOf(s.query, s.queryWidth(), position, end);
    RowBuffer k = rowsOf(s.key, s.keyWidth(), position, end);
    RowBuffer v = rowsOf(s.value, s.keyWidth(), position, end);
    std::vector<float> codes = makeScratch(appendScratchBytes(spec.cache));
    for (int64_t w = 0; w < workers; ++w)
      library.call(nameOf("append", s.c), k.data(), v.data(), layer.data(),
                   codes.data(), M, position, capacity, w, workers);
    EXPECT_EQ(std::count(codes.end() - 16, codes.end(), 777.0f), 16);
    RowBuffer y(floatRow(s.queryWidth()), M);
    std::vector<float> scratch = makeScratch(spec.scratchBytes());
    std::vector<float> partials = makeScratch(
        spec.partialBytes() + capacity * spec.partialBytesPerToken());
    for (int64_t w = 0; w < workers; ++w)
      library.call(nameOf("attention", s.c), q.data(), y.data(), layer.data(),
                   scratch.data(), partials.data(), M, position, capacity, w,
                   workers);
    if (isSplit(spec, M, position))
      for (int64_t w = 0; w < workers; ++w)
        library.call(nameOf("merge", s.c), y.data(), partials.data(), position,
                     w, workers);
    EXPECT_EQ(std::count(scratch.end() - 16, scratch.end(), 777.0f), 16);
    EXPECT_EQ(std::count(partials.end() - 16, partials.end(), 777.0f), 16);
    y.expectIntact();
    layer.expectIntact();
    std::vector<float> part = y.values();
    result.insert(result.end(), part.begin(), part.end());
    position = end;
  }
  return result;
}

/// Attention of one token in one head.
struct Exact {
  std::vector<double> value, bound; ///< [headDim]
};

/// With u = 2^-24, to first order: a score is a sum of d products, scaled:
/// (d + 2) u sum |q k|, and the largest is subtracted, one more rounding of a
/// distance of at most `spread`. An absolute error in the exponent is a
/// relative one of the power, whose own is 4 u. Weighted sum and sum of weights
/// have at most n + 2 and n / 16 + 6 roundings, the division one. The error of
/// the weights enters numerator and denominator.
Exact exactAttention(const Sequence &s, int64_t token, int64_t head) {
  const Case &c = s.c;
  int64_t d = c.headDim, kvHead = head / c.shared;
  double scale = specOf(c).scale, u = std::ldexp(1.0, -24);
  int64_t first = c.window ? std::max<int64_t>(0, token + 1 - c.window) : 0;
  const float *q = &s.query[token * s.queryWidth() + head * d];
  std::vector<double> scores;
  double error = 0;
  for (int64_t t = first; t <= token; ++t) {
    double score = 0, size = 0;
    for (int64_t i = 0; i < d; ++i) {
      double product =
          double(q[i]) * s.cachedKey[t * s.keyWidth() + kvHead * d + i];
      score += product;
      size += std::fabs(product);
    }
    score *= scale;
    error = std::max(error, (d + 2) * u * size * scale);
    if (c.softcap > 0) { // brings scores nearer, and rounds by up to 12 u
      score = c.softcap * std::tanh(score / c.softcap);
      error += 12 * u * c.softcap;
    }
    scores.push_back(score);
  }
  auto [least, largest] = std::minmax_element(scores.begin(), scores.end());
  double spread = *largest - *least, n = double(scores.size());
  double relative =
      2 * (2 * error + spread * u + 4 * u) + (n + 2 + n / 16 + 6 + 1) * u;
  Exact exact;
  for (int64_t i = 0; i < d; ++i) {
    double sum = 0, total = 0, size = 0;
    for (int64_t t = first; t <= token; ++t) {
      double weight = std::exp(scores[t - first] - *largest);
      double value = s.cachedValue[t * s.keyWidth() + kvHead * d + i];
      sum += weight;
      total += weight * value;
      size += weight * std::fabs(value);
    }
    exact.value.push_back(total / sum);
    exact.bound.push_back(relative * size / sum + 1e-37);
  }
  return exact;
}

/// Looks at every token of a short sequence, at some 50 of a long one.
void expectClose(const Sequence &s, const std::vector<float> &y) {
  int64_t d = s.c.headDim, step = std::max<int64_t>(1, s.tokens / 50);
  for (int64_t token = s.tokens - 1; token >= 0; token -= step)
    for (int64_t head = 0; head < s.c.kvHeads * s.c.shared; ++head) {
      Exact exact = exactAttention(s, token, head);
      for (int64_t i = 0; i < d; ++i)
        ASSERT_NEAR(y[token * s.queryWidth() + head * d + i], exact.value[i],
                    exact.bound[i])
            << "token " << token << " head " << head << " component " << i;
    }
}

std::vector<KernelSource> sourcesOf(const std::vector<const Case *> &cases) {
  std::vector<KernelSource> sources;
  for (const Case *some : cases) {
    const Case &c = *some;
    sources.push_back({nameOf("append", c), [&c](KernelBuilder &builder) {
                         return emitKvAppendKernel(builder, nameOf("append", c),
                                                   specOf(c).cache);
                       }});
    sources.push_back({nameOf("attention", c), [&c](KernelBuilder &builder) {
                         emitAttentionKernel(builder, nameOf("attention", c),
                                             specOf(c));
                         return Status::ok();
                       }});
    sources.push_back({nameOf("merge", c), [&c](KernelBuilder &builder) {
                         emitAttentionMergeKernel(builder, nameOf("merge", c),
                                                  specOf(c));
                         return Status::ok();
                       }});
  }
  return sources;
}

using Libraries = std::vector<TargetLibrary>;
using Runs = std::vector<int64_t>;

/// Sequences fed as `runs` are right, the same fed as `others` by several
/// workers, and the same to the bit on targets with FMA.
void expectAttention(const Libraries &libraries, const Case &c,
                     const Runs &runs, const Runs &others) {
  int64_t tokens = std::accumulate(runs.begin(), runs.end(), int64_t(0));
  int64_t capacity = (tokens + 15) / 16 * 16;
  Sequence s(c, tokens);
  std::optional<std::vector<float>> fused;
  for (auto &[target, library] : libraries) {
    SCOPED_TRACE(target->isa + " " + c.format);
    std::vector<float> y = attend(*library, s, runs, capacity, 1);
    expectClose(s, y);
    EXPECT_EQ(y, attend(*library, s, others, capacity + 16, 3))
        << "runs, capacity or workers change the result";
    if (!target->hasFma)
      continue;
    if (!fused)
      fused = y;
    EXPECT_EQ(*fused, y) << "instruction sets differ";
  }
}

/// Prompts, then token by token, of 45 tokens in all; and 40 tokens one by one,
/// so that a context has each length.
TEST(AttentionKernel, EqualsSoftmaxAttention) {
  std::vector<const Case *> cases;
  for (const Case &c : kCases)
    cases.push_back(&c);
  Libraries libraries = compileForAllTargets(sourcesOf(cases));
  for (const Case &c : kCases) {
    expectAttention(libraries, c, {1, 2, 3, 7, 20, 9, 1, 1, 1}, {17, 16, 12});
    expectAttention(libraries, c, Runs(40, 1), {40});
  }
}

/// Contexts of several tiles and chunks of keys, prompts of several blocks of
/// queries, tokens alone on both sides of a chunk's end.
TEST(AttentionKernel, AddsUpTilesAndChunks) {
  std::vector<const Case *> cases;
  for (const Case &c : kCases)
    if (c.isLong)
      cases.push_back(&c);
  Libraries libraries = compileForAllTargets(sourcesOf(cases));
  int64_t end = 2 * kAttentionChunk;
  for (const Case *c : cases) {
    Runs single = {kAttentionChunk - 2,       1, 1, 1, 1,
                   end - kAttentionChunk - 4, 1, 1, 1, 1};
    expectAttention(libraries, *c, single, {63, 66, 300, end - 427});
  }
}

} // namespace
