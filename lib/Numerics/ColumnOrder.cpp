// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The order of columns that a container says by their groups.

#include "quern/Numerics/Columns.h"

#include <algorithm>

using namespace quern;
using namespace quern::numerics;

static Status invalid(std::string message) {
  return Status::error(StatusCode::InvalidFile, std::move(message));
}

static int32_t readWord(const uint8_t *bytes) {
  uint32_t word = 0;
  for (unsigned i = 0; i < 4; ++i)
    word |= uint32_t(bytes[i]) << (8 * i);
  return int32_t(word);
}

Result<std::vector<int32_t>> numerics::orderByGroup(Span<const uint8_t> groups,
                                                    int64_t cols,
                                                    int64_t groupCols) {
  if (int64_t(groups.size()) != 4 * cols)
    return invalid("expects the group of each of " + std::to_string(cols) +
                   " columns, 4 bytes a column, but got " +
                   std::to_string(groups.size()) + " bytes");
  int64_t width = groupCols == 0 ? cols : groupCols;
  int64_t count = (cols + width - 1) / width;
  std::vector<int64_t> used(static_cast<size_t>(count), 0);
  std::vector<int32_t> order(static_cast<size_t>(cols));
  for (int64_t c = 0; c < cols; ++c) {
    int32_t group = readWord(groups.data() + 4 * c);
    if (group < 0 || group >= count)
      return invalid("expects groups from 0 to " + std::to_string(count - 1) +
                     ", but got " + std::to_string(group) + " for column " +
                     std::to_string(c));
    int64_t place = used[size_t(group)]++;
    if (place < width && group * width + place < cols)
      order[size_t(group * width + place)] = int32_t(c);
  }
  for (int64_t group = 0; group < count; ++group)
    if (used[size_t(group)] != std::min(width, cols - group * width))
      return invalid("expects " + std::to_string(width) +
                     " columns in each group, but got " +
                     std::to_string(used[size_t(group)]) + " in group " +
                     std::to_string(group));
  return order;
}

void numerics::takeColumns(PlaneCodes &codes,
                           const std::vector<int32_t> &order) {
  std::vector<int32_t> row(order.size());
  for (auto begin = codes.codes.begin(); begin != codes.codes.end();
       begin += codes.cols) {
    std::copy(begin, begin + codes.cols, row.begin());
    for (size_t c = 0; c < order.size(); ++c)
      begin[int64_t(c)] = row[size_t(order[c])];
  }
}
