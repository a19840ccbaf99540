// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Loads and shifts that bring codes out of a panel.

#include "quern/Codegen/CPU/PanelReader.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quern/Numerics/Decode.h"
#include <numeric>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

static Status unreadable(const std::string &why) {
  return Status::error(
      StatusCode::Unsupported,
      "expects a panel layout that the CPU kernels read, but " + why);
}

/// Codes of one piece in a 32-bit lane.
static int64_t codesPerLane(const Piece &piece) {
  return 32 / int64_t(piece.bitHi - piece.bitLo);
}

/// The column digits that the generator expects of a piece of codes: four K to
/// the bytes of a lane, then the fields of a byte, then words of 16 lanes.
static std::vector<Digit> expectedDigits(int64_t width, int64_t words) {
  std::vector<Digit> digits;
  if (width <= 8)
    digits.push_back({4, 8});
  else if (width == 16)
    digits.push_back({2, 16});
  if (width < 8)
    digits.push_back({8 / width, width});
  if (words > 1)
    digits.push_back({words, 512});
  return digits;
}

/// `codes`: of the plane, in a row of a tile.
static Status checkCodePiece(const Piece &piece, int64_t codes) {
  int64_t width = piece.bitHi - piece.bitLo;
  if (width < 1 || width > 32 || (width & (width - 1)) != 0)
    return unreadable("a piece of codes is " + std::to_string(width) +
                      " bits wide");
  int64_t words = (codes + codesPerLane(piece) - 1) / codesPerLane(piece);
  std::vector<Digit> rows = {{kPanelRows, 32}};
  if (piece.base % 8 != 0 || piece.rows != rows ||
      piece.cols != expectedDigits(width, words))
    return unreadable("the digits of piece " + piece.plane + "{" +
                      std::to_string(piece.bitLo) + ":" +
                      std::to_string(piece.bitHi) + "} are others");
  return Status::ok();
}

/// Checks a plane of scales or offsets.
static Status checkPlane(const Plane &plane, const Layout &layout,
                         size_t codeSegment) {
  for (size_t s = 0; s < layout.segments.size(); ++s)
    for (const Piece &piece : layout.segments[s].pieces) {
      if (piece.plane != plane.path)
        continue;
      unsigned bits = plane.element->bits;
      if (piece.bitLo != 0 || piece.bitHi != bits || piece.base % 8 != 0)
        return unreadable("plane '" + plane.path + "' is cut into pieces");
      bool shared = plane.granule.rows != 1;
      if (shared && plane.granule.rows % kPanelRows != 0)
        return unreadable("plane '" + plane.path + "' is shared by " +
                          std::to_string(plane.granule.rows) +
                          " rows, which is no multiple of 16");
      if (!shared && (piece.rows.size() != 1 || piece.rows[0].extent != 16))
        return unreadable("plane '" + plane.path +
                          "' does not hold 16 rows side by side");
      if (!shared && s != codeSegment &&
          layout.segments[s].tileRows != kPanelRows)
        return unreadable("plane '" + plane.path + "' has tiles of other rows");
      return Status::ok();
    }
  return unreadable("plane '" + plane.path + "' is missing");
}

Result<PanelShape> PanelShape::create(const Format &format,
                                      const Layout &layout, int64_t depth) {
  PanelShape shape;
  shape.format = &format;
  shape.layout = &layout;
  shape.depth = depth;
  shape.codeBits = format.element.bits;
  const Segment *codes = nullptr;
  for (size_t s = 0; s < layout.segments.size(); ++s) {
    if (!layout.segments[s].order.empty())
      return unreadable("rows of tiles lie in another order");
    for (const Piece &piece : layout.segments[s].pieces)
      if (piece.plane == "code") {
        codes = &layout.segments[s];
        shape.codeSegment = s;
        shape.codesFlipped |= piece.flipTopBit;
      }
  }
  if (!codes || codes->tileRows != kPanelRows || codes->tileCols % 4 != 0 ||
      codes->tileCols == 0)
    return unreadable("the codes do not lie in tiles of 16 rows by a multiple "
                      "of 4 columns");
  shape.tileDepth = codes->tileCols;
  shape.tileBytes = codes->tileBytes;
  shape.tiles = (depth + shape.tileDepth - 1) / shape.tileDepth;
  shape.panelBytes = shape.tiles * shape.tileBytes;
  std::vector<Plane> planes = planesOf(format);
  for (const Piece &piece : codes->pieces) {
    auto plane = llvm::find_if(
        planes, [&](const Plane &p) { return p.path == piece.plane; });
    if (plane == planes.end() || !fillsPanelSteps(*plane))
      continue;
    int64_t count = shape.tileDepth / plane->granule.cols;
    if (Status status = checkCodePiece(piece, count); !status)
      return status;
    int64_t width = piece.bitHi - piece.bitLo;
    if (width < 8 && !format.element.isComposite())
      shape.stepPeriod = std::lcm(shape.stepPeriod, 8 / width);
  }
  for (const Plane &plane : planes)
    if (!fillsPanelSteps(plane))
      if (Status status = checkPlane(plane, layout, shape.codeSegment); !status)
        return status;
  shape.scaleDepth = shape.tileDepth;
  for (BlockShape block : {format.block, format.offsetBlock})
    if (format.isScaled() && block.cols != 0 &&
        (format.offset || block == format.block))
      shape.scaleDepth = std::min(block.cols, shape.scaleDepth);
  if (shape.scaleDepth % 4 != 0 || shape.tileDepth % shape.scaleDepth != 0)
    return unreadable("blocks of " + std::to_string(shape.scaleDepth) +
                      " columns are no multiple of 4 that divides a tile of " +
                      std::to_string(shape.tileDepth));
  return shape;
}

Value PanelReader::tileAddress(const PanelPointers &at, Value tile) {
  Value bytes =
      b.add(b.mul(at.panel, shape.panelBytes), b.mul(tile, shape.tileBytes));
  return b.offset(at.segments[shape.codeSegment], bytes);
}

Value PanelReader::loadPieceWord(Value tileAddress, const Piece &piece,
                                 Value word) {
  Value address = b.offset(tileAddress, piece.base / 8);
  address = b.offset(address, b.mul(word, 64));
  return b.load(b.vectorOf(b.getI32Type()), address, 4);
}

/// `pattern` repeated in the four bytes of a word.
static int32_t inEveryByte(unsigned pattern) {
  return int32_t(pattern * 0x01010101u);
}

Value PanelReader::codeBytes(Value tileAddress, Value lane, int64_t field) {
  VectorValues v(b);
  Value bytes;
  for (const Piece &piece : shape.layout->segments[shape.codeSegment].pieces) {
    if (piece.plane != "code")
      continue;
    int64_t width = piece.bitHi - piece.bitLo;
    int64_t fields = 8 / width;
    Value word = b.add(b.mul(lane, shape.stepPeriod / fields), field / fields);
    Value bits = loadPieceWord(tileAddress, piece, word);
    bits = v.shiftRightLogical(bits, (field % fields) * width);
    if (width < 8)
      bits = v.andI(bits, v.constI32(inEveryByte((1u << width) - 1)));
    bits = v.shiftLeft(bits, piece.bitLo);
    bytes = bytes ? v.orI(bytes, bits) : bits;
  }
  return bytes;
}

Value PanelReader::extend(Value lanes, const Element &element, bool flipped) {
  VectorValues v(b);
  if (element.kind != ElementKind::Int || !element.isSigned)
    return lanes;
  if (flipped)
    return v.subI(lanes, v.constI32(int32_t(1u << (element.bits - 1))));
  unsigned unused = 32 - element.bits;
  return v.shiftRightArithmetic(v.shiftLeft(lanes, unused), unused);
}

SmallVector<Value, 4> PanelReader::codeLanes(Value tileAddress, Value lane,
                                             int64_t field) {
  VectorValues v(b);
  const Element &element = shape.format->element;
  SmallVector<Value, 4> lanes;
  if (element.bits <= 8) {
    Value bytes = codeBytes(tileAddress, lane, field);
    for (unsigned k = 0; k < 4; ++k) {
      Value code = v.shiftRightLogical(bytes, 8 * k);
      code = v.andI(code, v.constI32((1 << element.bits) - 1));
      lanes.push_back(extend(code, element, shape.codesFlipped));
    }
    return lanes;
  }
  // 16 and 32 bits: one piece, two codes or one to a lane.
  const Piece &piece =
      *llvm::find_if(shape.layout->segments[shape.codeSegment].pieces,
                     [](const Piece &p) { return p.plane == "code"; });
  int64_t perLane = codesPerLane(piece);
  for (int64_t k = 0; k < 4; ++k) {
    Value word = b.add(b.mul(lane, 4 / perLane), k / perLane);
    Value code = loadPieceWord(tileAddress, piece, word);
    code = v.shiftRightLogical(code, 16 * (k % perLane));
    if (perLane == 2)
      code = v.andI(code, v.constI32(0xffff));
    lanes.push_back(extend(code, element, shape.codesFlipped));
  }
  return lanes;
}

Value PanelReader::codePairs(Value tileAddress, Value lane, int64_t pair) {
  const Piece &piece = shape.layout->segments[shape.codeSegment].pieces.front();
  return loadPieceWord(tileAddress, piece, b.add(b.mul(lane, 2), pair));
}

SmallVector<Value, 4> PanelReader::elementLanes(const PanelStep &step) {
  const Element &element = shape.format->element;
  if (element.isComposite())
    return compositeLanes(step);
  VectorValues v(b);
  SmallVector<Value, 4> lanes;
  for (Value code : codeLanes(step.tileAddress, step.lane, step.field))
    lanes.push_back(decodeElement(v, element, code));
  return lanes;
}

/// Segment and piece of `plane`.
static std::pair<size_t, const Piece *> findPlane(const Layout &layout,
                                                  const Plane &plane) {
  for (size_t s = 0; s < layout.segments.size(); ++s)
    for (const Piece &piece : layout.segments[s].pieces)
      if (piece.plane == plane.path)
        return {s, &piece};
  return {0, nullptr};
}

Value PanelReader::planeLanes(const PanelPointers &at, const Plane &plane,
                              Value tile, Value tileAddress, Value kInTile) {
  auto [s, piece] = findPlane(*shape.layout, plane);
  const Segment &segment = shape.layout->segments[s];
  bool inTile = s == shape.codeSegment;
  bool shared = plane.granule.rows != 1;
  Value address = tileAddress;
  if (!inTile) {
    Value row = shared
                    ? (plane.granule.rows == 0
                           ? b.i64(0)
                           : b.div(at.panel, plane.granule.rows / kPanelRows))
                    : at.panel;
    address = b.offset(at.segments[s], b.mul(row, segment.tileBytes));
  }
  address = b.offset(address, piece->base / 8);
  int64_t stride = piece->cols.empty() ? 0 : piece->cols.front().stride / 8;
  if (plane.granule.cols != 0 && stride != 0) {
    Value k = inTile ? kInTile : b.add(b.mul(tile, shape.tileDepth), kInTile);
    Value index = b.div(k, plane.granule.cols);
    // A last tile may reach behind the last code.
    int64_t count = piece->cols.front().extent;
    if (!inTile && count * plane.granule.cols < shape.tiles * shape.tileDepth)
      index = b.min(index, b.i64(count - 1));
    address = b.offset(address, b.mul(index, stride));
  }
  int64_t slot = llvm::PowerOf2Ceil(std::max(8u, plane.element->bits));
  Type slotType = b.getIntegerType(unsigned(slot));
  Value codes = shared ? b.broadcast(b.load(slotType, address))
                       : b.load(b.vectorOf(slotType), address);
  if (slot < 32)
    codes = arith::ExtUIOp::create(b, b.vectorOf(b.getI32Type()), codes);
  return extend(codes, *plane.element, piece->flipTopBit);
}
