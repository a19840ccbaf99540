// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which instructions bring an element's codes into a matrix product.

#include "quern/Codegen/CPU/DecodeRecipe.h"

#include "DecodeOnce.h"
#include "DotProducts.h"
#include "FoldedScales.h"
#include "WeightSource.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace quern;
using namespace quern::codegen;
using namespace quern::numerics;

/// 16 rows by four columns.
static constexpr double kCodesOfStep = 4;
/// Bytes that one register holds for a shuffle.
static constexpr size_t kShuffleBytes = 16;

/// Whether words of `element` are made of its fields by way of binary16.
static bool hasHalfFloats(const Element &element, const CpuTarget &target) {
  if (element.kind != ElementKind::Float || !hasWordDot(target) ||
      target.tableLookup != TableLookup::Avx2 || !target.hasF16Conversion)
    return false;
  const FloatType &type = *element.floatType;
  std::optional<IntegerElement> integer = integerElement(element);
  return type.hasSign && type.exponentBits <= 5 && integer &&
         integer->planes() == 2 && wordBias(*integer) == 0;
}

BytesRecipe codegen::chooseBytes(const Element &element,
                                 const CpuTarget &target) {
  if (element.isComposite())
    return element.vectorSize() % 4 == 0 ? BytesRecipe::GatherWord
                                         : BytesRecipe::GatherByte;
  if (element.isPlainInt())
    return BytesRecipe::Fields;
  if (target.tableLookup == TableLookup::None)
    return BytesRecipe::ByByte;
  if ((size_t(1) << element.bits) <= kShuffleBytes)
    return BytesRecipe::Shuffle;
  if (hasHalfFloats(element, target))
    return BytesRecipe::HalfFloats;
  return target.tableLookup == TableLookup::Avx512 ? BytesRecipe::RegisterTable
                                                   : BytesRecipe::ByByte;
}

LanesRecipe codegen::chooseLanes(const Element &element,
                                 const CpuTarget &target) {
  switch (element.kind) {
  case ElementKind::Int:
    return LanesRecipe::Convert;
  case ElementKind::Float:
    return LanesRecipe::FloatBits;
  case ElementKind::Codebook:
    break;
  }
  return element.codebook.values.size() <= target.registerTable
             ? LanesRecipe::RegisterTable
             : LanesRecipe::Gather;
}

//===----------------------------------------------------------------------===//
// Explanation
//===----------------------------------------------------------------------===//

static std::string explainPieces(const PanelShape &shape) {
  std::string text;
  for (const Piece &piece : shape.layout->segments[shape.codeSegment].pieces)
    if (piece.plane == "code" || piece.plane == "sign")
      text += (text.empty() ? "" : ", ") + piece.plane + " bits " +
              std::to_string(piece.bitLo) + " to " +
              std::to_string(piece.bitHi - 1);
  return text;
}

/// What the table of an element holds.
static std::string explainValues(const Element &element) {
  std::string text = std::to_string(size_t(1) << element.bits) + " values are ";
  std::optional<IntegerElement> integer = integerElement(element);
  if (!integer || integer->planes() == 1)
    return text + "8-bit integers";
  return text + (integer->isExact ? "" : "rounded to ") + "16-bit integers";
}

static std::string explainBytes(const Element &element,
                                const CpuTarget &target) {
  std::string entries = std::to_string(element.codebook.values.size());
  switch (chooseBytes(element, target)) {
  case BytesRecipe::Fields:
    return "mask and shift, for the code is the integer";
  case BytesRecipe::Shuffle:
    return "byte shuffle, for its " + explainValues(element) +
           " and fit a register of 16";
  case BytesRecipe::RegisterTable:
    return "table in registers, for its " + explainValues(element);
  case BytesRecipe::GatherWord:
    return "gather of words, for its vectors of " +
           std::to_string(element.vectorSize()) + " lie in a table of " +
           entries + " bytes, too long for registers";
  case BytesRecipe::GatherByte:
    return "gather of bytes, for its vectors of " +
           std::to_string(element.vectorSize()) + " are shorter than a lane";
  case BytesRecipe::HalfFloats:
    return "the target's conversion of f16, which has room for its fields, for "
           "its " +
           explainValues(element);
  case BytesRecipe::ByByte:
    break;
  }
  return std::string("byte by byte, for ") +
         (target.tableLookup == TableLookup::None
              ? "the target has no table look-up"
              : "its values are more than the 16 of a register");
}

static std::string explainLanes(const Element &element,
                                const CpuTarget &target) {
  size_t size = element.codebook.values.size();
  std::string registers = std::to_string(target.registerTable);
  switch (chooseLanes(element, target)) {
  case LanesRecipe::Convert:
    return "conversion, for the code is an integer";
  case LanesRecipe::FloatBits:
    if (element.floatType->name == "f16" && target.hasF16Conversion)
      return "the target's conversion of f16";
    return "its fields moved to those of binary32";
  case LanesRecipe::RegisterTable:
    return "table in registers, for its " + std::to_string(size) +
           " values fit the " + registers + " of the target";
  case LanesRecipe::Gather:
    break;
  }
  return "gather, for its " + std::to_string(size) +
         " values are more than the " + registers +
         " that the target holds in registers";
}

static const char *dotName(ByteDot dot) {
  switch (dot) {
  case ByteDot::Vnni512:
  case ByteDot::Vnni256:
    return "vpdpbusd";
  case ByteDot::Avx2:
    return "vpmaddubsw and vpmaddwd";
  case ByteDot::Usdot:
    return "usdot";
  case ByteDot::Sdot:
    return "sdot";
  case ByteDot::Widen:
    break;
  }
  return "32-bit multiplies";
}

static std::string rounded(double x) { return llvm::formatv("{0:F1}", x); }

/// What becomes of scales that are integers times a scale of a span.
static std::string explainFolding(const LinearSpec &spec,
                                  const PanelShape &shape,
                                  const CpuTarget &target) {
  std::optional<IntegerElement> folded = foldedElement(spec, shape);
  if (!folded)
    return "";
  std::string text = " by integers, exactly over " +
                     std::to_string(spanDepth(spec, shape)) + " columns";
  if (!foldsWhenDecoding(spec, shape, target))
    return text;
  return text + ", multiplied into decoded codes, which then have " +
         std::to_string(folded->bits) + " bits";
}

/// The predicted cycles of a step of a panel: 64 codes.
static std::string explainCost(const LinearSpec &spec, const PanelShape &shape,
                               const DecodeOnce &once) {
  double steps =
      double(shape.tiles * shape.tileDepth * spec.tilePanels) / kCodesOfStep;
  auto cycles = [&](const Cycles &c) { return rounded(c.total() / steps); };
  std::string rows = std::to_string(spec.tileRows);
  std::string text = "; predicted cycles of 64 codes and " + rows +
                     " rows: decode " + cycles(once.packed.decode) +
                     ", scale " + cycles(once.packed.scale) + ", products " +
                     cycles(once.packed.product) + ", together " +
                     cycles(once.packed.all());
  if (!once.fitsStack)
    return text + "; decoded in each tile of rows, for a slice of its panels "
                  "is too long for a stack";
  std::string apart = ": " + cycles(once.decoder.all()) + " once and " +
                      cycles(once.decoded.all()) + " in each " + rows + " rows";
  if (!once.pays())
    return text +
           "; decoded in each tile of rows, for decoding once is no "
           "faster" +
           apart;
  return text + "; decoded once from " +
         std::to_string(once.isForAllRows() ? 2
                                            : once.fromTiles * spec.tileRows) +
         " rows on" + apart;
}

std::string codegen::explainDecode(const LinearSpec &spec,
                                   const CpuTarget &target,
                                   mlir::MLIRContext *context) {
  auto shape = PanelShape::create(spec.weight, spec.layout, spec.input.width);
  if (!shape)
    return shape.status().message();
  const Element &element = spec.weight.element;
  bool isInteger = spec.input.kind == ActivationRow::Kind::Int8;
  std::string text = "decode " + printFormat(spec.weight) + " on " +
                     target.isa + ": " + explainPieces(*shape) + "; " +
                     (isInteger ? explainBytes(element, target)
                                : explainLanes(element, target));
  if (element.signs != SignPolicy::None)
    text += "; signs from a plane of their own";
  StepForm form = stepForm(spec, target);
  if (form == StepForm::Words)
    text += "; products of words by pmaddwd";
  else
    text += isInteger ? std::string("; products by ") + dotName(target.byteDot)
                      : std::string("; products in binary32");
  if (form == StepForm::BytePlanes)
    text += ", of high bytes and of low ones";
  if (spec.weight.isScaled())
    text += "; scaled every " + std::to_string(shape->scaleDepth) + " columns" +
            explainFolding(spec, *shape, target);
  LinearSpec tiled = spec;
  tiled.tileRows = tileRows(target, spec);
  tiled.tilePanels = target.tilePanels;
  return text +
         explainCost(tiled, *shape, decodeOnce(tiled, *shape, target, context));
}
