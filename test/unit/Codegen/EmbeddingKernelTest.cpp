// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Embedding kernels against numerics::decodeRows, bit for bit.

#include "KernelHarness.h"
#include "LinearProblem.h"
#include "RowBuffer.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "quern/Numerics/EncodeTensor.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;
using namespace quern::numerics;

namespace {

struct Case {
  const char *format;
  int64_t width;
  int64_t vocabulary = 37; ///< the last panel is part empty
};

const Case kCases[] = {{"f32", 7},
                       {"f32", 64},
                       {"bf16", 17},
                       {"bf16", 172},
                       {"f16", 172},
                       {"q4_0", 96},
                       {"q4_k", 512},
                       {"q6_k", 256},
                       {"int8_channel", 100},
                       {"int8_tensor", 64},
                       {"nf4", 128},
                       {"mxfp4", 96},
                       {"fp8_channel", 7},
                       {"fp8_block", 256, 256},
                       {"int4_g128_asym", 256},
                       {"i3 [1, 48], scale (u5 [1, 6], scale f16)", 576},
                       {"i5 [1, 28], scale f16", 252}};

/// A table as kernels read it and as numbers.
struct Table {
  Format format;
  Layout layout;
  std::vector<uint8_t> bytes;
  std::vector<float> decoded;
};

Table makeTable(const Case &c) {
  Table table;
  auto format = FormatRegistry::builtin().resolve(c.format);
  EXPECT_TRUE(format.isOk()) << format.status().message();
  table.format = *format;
  auto coded =
      encodeRows(table.format, randomValues(c.vocabulary * c.width, 11),
                 c.vocabulary, c.width);
  EXPECT_TRUE(coded.isOk()) << coded.status().message();
  table.decoded = decodeRows(table.format, *coded);
  table.layout = makeCpuPanelLayout(table.format, c.vocabulary, c.width);
  table.bytes.assign(layoutBytes(table.layout, c.vocabulary, c.width), 0);
  Status status = packRows(table.layout, table.format, c.vocabulary, c.width, 0,
                           *coded, Span<uint8_t>(table.bytes));
  EXPECT_TRUE(status.isOk()) << status.message();
  return table;
}

std::string nameOf(size_t i) { return "embedding_" + std::to_string(i); }

void call(const KernelLibrary &library, size_t index, const Case &c,
          const Table &table, const std::vector<int32_t> &tokens, RowBuffer &y,
          int64_t workers) {
  const uint8_t *at[4] = {};
  for (size_t s = 0; s < table.layout.segments.size(); ++s)
    at[s] = table.bytes.data() +
            segmentOffset(table.layout, s, c.vocabulary, c.width);
  for (int64_t w = 0; w < workers; ++w)
    library.call(nameOf(index), tokens.data(), y.data(), int64_t(tokens.size()),
                 w, workers, at[0], at[1], at[2], at[3]);
}

TEST(EmbeddingKernel, EqualsDecodeRows) {
  std::vector<Table> tables;
  std::vector<KernelSource> sources;
  for (size_t i = 0; i < std::size(kCases); ++i) {
    tables.push_back(makeTable(kCases[i]));
    sources.push_back({nameOf(i), [&tables, i](KernelBuilder &builder) {
                         return emitEmbeddingKernel(
                             builder, nameOf(i), tables[i].format,
                             tables[i].layout, kCases[i].width);
                       }});
  }
  auto libraries = compileForAllTargets(sources);
  const std::vector<int32_t> all = {36, 0, 15, 16, 3, 36, 31, 32, 17};
  for (size_t i = 0; i < std::size(kCases); ++i)
    for (size_t count : {1, 2, 9}) {
      const Case &c = kCases[i];
      std::vector<int32_t> tokens(all.begin(), all.begin() + count);
      RowBuffer expected(floatRow(c.width), count);
      for (size_t m = 0; m < count; ++m)
        std::copy_n(&tables[i].decoded[tokens[m] * c.width], c.width,
                    expected.floats(m));
      for (auto &[target, library] : libraries)
        for (int64_t workers : {1, 2, 3}) {
          SCOPED_TRACE(target->isa + " " + c.format);
          RowBuffer y(floatRow(c.width), count);
          call(*library, i, c, tables[i], tokens, y, workers);
          EXPECT_TRUE(y == expected);
          y.expectIntact();
        }
    }
}

} // namespace
