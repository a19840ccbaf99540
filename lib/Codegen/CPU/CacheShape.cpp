// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How keys and values lie in the KV cache.

#include "quern/Codegen/CPU/CacheShape.h"

#include "quern/Codegen/CPU/KernelBuilder.h"
#include "llvm/Support/MathExtras.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

LaneCodes::LaneCodes(unsigned bits, int64_t steps) : bits(bits), steps(steps) {
  for (unsigned bitLo = 0, left = bits; left != 0;) {
    unsigned width = llvm::bit_floor(left);
    Piece piece{bitLo, width, bytes};
    period = std::max(period, piece.fields());
    bytes += llvm::divideCeil(steps, piece.fields()) * piece.wordBytes();
    pieces.push_back(piece);
    bitLo += width;
    left -= width;
  }
}

int64_t codegen::slotBytes(const Element &element) {
  return llvm::PowerOf2Ceil(std::max(8u, element.bits)) / 8;
}

int64_t CacheShape::keyRun() const {
  bool isWhole = !format.isScaled() || format.block.cols == 0;
  return isWhole ? headDim : format.block.cols;
}

LaneCodes CacheShape::keyCodes() const {
  return LaneCodes(format.element.bits, keyRun());
}

LaneCodes CacheShape::valueCodes() const {
  return LaneCodes(format.element.bits, llvm::divideCeil(headDim, kLanes));
}

/// Bytes of the planes before `path`, the codes left out; of all for "".
static int64_t slotsBefore(const CacheShape &shape, const std::string &path) {
  int64_t bytes = 0;
  for (const Plane &plane : planesOf(shape.format)) {
    if (plane.path == path)
      return bytes;
    if (plane.path != "code")
      bytes +=
          planeShape(plane, 1, shape.headDim).cols * slotBytes(*plane.element);
  }
  return bytes;
}

int64_t CacheShape::keyPlane(const std::string &path) const {
  return headDim / keyRun() * keyCodes().bytes +
         kLanes * slotsBefore(*this, path);
}

int64_t CacheShape::valuePlane(const std::string &path) const {
  return valueCodes().bytes + slotsBefore(*this, path);
}

int64_t CacheShape::keyBlockBytes() const { return keyPlane(""); }

int64_t CacheShape::valueRowBytes() const { return valuePlane(""); }
