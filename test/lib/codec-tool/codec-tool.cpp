// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file For tests: bytes of any format and layout to f32 and back.
//
//   codec-tool decode FORMAT LAYOUT ROWS COLS  < bytes > f32
//   codec-tool encode FORMAT LAYOUT ROWS COLS [rtn|mse]  < f32 > bytes
//
// LAYOUT is a name, a text, or "dense". Numbers are little-endian.

#include "quern/Numerics/EncodeTensor.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace quern;
using namespace quern::numerics;

static int fail(const std::string &message) {
  fprintf(stderr, "error: %s\n", message.c_str());
  return 1;
}

static std::vector<uint8_t> readInput() {
  std::vector<uint8_t> bytes;
  uint8_t buffer[1 << 16];
  while (size_t count = fread(buffer, 1, sizeof buffer, stdin))
    bytes.insert(bytes.end(), buffer, buffer + count);
  return bytes;
}

static Result<Layout> findLayout(const std::string &text, const Format &format,
                                 int64_t rows, int64_t cols) {
  if (text == "dense")
    return makeDenseLayout(format, rows, cols);
  if (const Layout *layout = lookupLayout(text))
    return *layout;
  return parseLayout(text);
}

static int decode(const Format &format, const Layout &layout, int64_t rows,
                  int64_t cols) {
  std::vector<uint8_t> bytes = readInput();
  if (int64_t(bytes.size()) != layoutBytes(layout, rows, cols))
    return fail("expects " + std::to_string(layoutBytes(layout, rows, cols)) +
                " bytes, but got " + std::to_string(bytes.size()));
  Result<CodedTensor> coded =
      unpackRows(layout, format, rows, cols, 0, rows, bytes);
  if (!coded)
    return fail(coded.status().message());
  std::vector<float> values = decodeRows(format, *coded);
  fwrite(values.data(), sizeof(float), values.size(), stdout);
  return 0;
}

static int encode(const Format &format, const Layout &layout, int64_t rows,
                  int64_t cols, Solver solver) {
  std::vector<uint8_t> bytes = readInput();
  std::vector<float> values(bytes.size() / sizeof(float));
  memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  EncodeOptions options;
  options.solver = solver;
  Result<CodedTensor> coded = encodeRows(format, values, rows, cols, options);
  if (!coded)
    return fail(coded.status().message());
  std::vector<uint8_t> packed(size_t(layoutBytes(layout, rows, cols)));
  if (Status s = packRows(layout, format, rows, cols, 0, *coded, packed); !s)
    return fail(s.message());
  fwrite(packed.data(), 1, packed.size(), stdout);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 6)
    return fail("expects decode|encode FORMAT LAYOUT ROWS COLS [rtn|mse]");
  Result<Format> format = FormatRegistry::builtin().resolve(argv[2]);
  if (!format)
    return fail(format.status().message());
  int64_t rows = atoll(argv[4]), cols = atoll(argv[5]);
  if (Status s = checkShape(*format, rows, cols); !s)
    return fail(s.message());
  Result<Layout> layout = findLayout(argv[3], *format, rows, cols);
  if (!layout)
    return fail(layout.status().message());
  if (Status s = checkLayout(*layout, *format, rows, cols); !s)
    return fail(s.message());
  if (!strcmp(argv[1], "decode"))
    return decode(*format, *layout, rows, cols);
  bool isSearched = argc > 6 && !strcmp(argv[6], "mse");
  return encode(*format, *layout, rows, cols,
                isSearched ? Solver::Mse : Solver::Plain);
}
