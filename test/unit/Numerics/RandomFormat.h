// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Formats and shapes that nobody named: every construct of the algebra,
// composed at random.

#ifndef QUERN_TEST_UNIT_NUMERICS_RANDOMFORMAT_H
#define QUERN_TEST_UNIT_NUMERICS_RANDOMFORMAT_H

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace quern::numerics {

/// The text of a format, and the shape of a matrix that its blocks fit.
struct RandomFormat {
  std::string text;
  int64_t rows = 0;
  int64_t cols = 0;
};

/// Draws formats. One seed always gives the same one.
class FormatGenerator {
public:
  enum class Reach {
    Everything,
    Kernels, ///< blocks that fused kernels of CPUs read
  };

  explicit FormatGenerator(unsigned seed, Reach reach = Reach::Everything)
      : random(seed), reach(reach) {}

  RandomFormat draw();

private:
  int64_t pick(int64_t count) { return int64_t(random() % uint64_t(count)); }
  bool oneIn(int64_t count) { return pick(count) == 0; }
  std::string oneOf(const std::vector<std::string> &items) {
    return items[size_t(pick(int64_t(items.size())))];
  }

  std::string number(double limit);
  std::string vectorCodebook();
  std::string rootElement();
  std::string scaleElement();
  int64_t divisor(int64_t extent, int64_t multiple);
  int64_t blockRows(int64_t rows);
  std::string extent(int64_t chosen, int64_t whole);
  std::string operand(int64_t rows, int64_t cols, int depth);
  std::string rule(const std::string &scale);
  std::string offset(int64_t rows, int64_t cols, int64_t blockRows,
                     int64_t blockCols);
  std::string rounding(const std::string &code);
  std::string level(int64_t rows, int64_t cols, int depth);

  std::mt19937 random;
  Reach reach;
  /// Of the root: columns that vectors and signs come in, and whether edges
  /// may cut blocks.
  int64_t period = 1;
  bool isComposite = false;
  bool isPartial = false;
};

} // namespace quern::numerics

#endif // QUERN_TEST_UNIT_NUMERICS_RANDOMFORMAT_H
