// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Small changes of layouts that readers and writers of containers share.

#include "quern/Numerics/LayoutEdits.h"

namespace quern::numerics {

void pairHalves(Layout &layout, const std::vector<int64_t> &shape,
                int64_t width) {
  Segment &segment = layout.segments.front();
  if (shape.size() == 2) {
    segment.order = {{width / 2, 2}, {2, 1}};
    return;
  }
  Piece &piece = segment.pieces.front();
  int64_t bits = piece.cols.front().stride;
  piece.cols = {{width / 2, 2 * bits}, {2, bits}};
  segment.tileCols = width;
  segment.tileBytes = width * bits / 8;
}

void leaveOutTensorScale(Format &format, Layout &layout) {
  layout.segments.resize(1);
  auto scale = std::make_shared<Format>();
  scale->element = format.scale->element;
  format.scale = std::move(scale);
}

} // namespace quern::numerics
