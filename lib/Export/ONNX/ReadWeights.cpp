// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The nodes that decode weights.

#include "Weights.h"

using namespace quern;
using namespace quern::exporter;

/// Whether ONNX Runtime looks up rows of numbers of this type.
static bool canLookUp(OnnxType type) {
  switch (type) {
  case OnnxType::UInt2:
  case OnnxType::Int2:
  case OnnxType::UInt4:
  case OnnxType::Int4:
  case OnnxType::Float8E4M3FN:
  case OnnxType::Float8E4M3FNUZ:
  case OnnxType::Float8E5M2:
  case OnnxType::Float8E5M2FNUZ:
    return false;
  default:
    return true;
  }
}

std::string OnnxWeightReader::floats(const std::string &value, OnnxType type) {
  return type == OnnxType::Float ? value : graph.cast(value, OnnxType::Float);
}

/// All of it, as it lies. The scale's type decides that of the result, so it is
/// f32 first: it is the same number.
std::string OnnxWeightReader::dequantized(const OnnxWeight &weight) {
  GraphBuilder::Values inputs = {weight.codes,
                                 floats(weight.scale, weight.scaleType)};
  if (!weight.zero.empty())
    inputs.push_back(weight.zero);
  const numerics::Format &format = weight.format;
  if (format.block.rows == 0)
    return graph.node("DequantizeLinear", inputs);
  int64_t rowAxis = weight.isTransposed ? 1 : 0;
  if (format.block.cols == 0)
    return graph.node("DequantizeLinear", inputs, {{"axis", rowAxis}});
  return graph.node("DequantizeLinear", inputs,
                    {{"axis", 1 - rowAxis}, {"block_size", weight.size()}});
}

/// The numbers of a matrix as it lies, decoded once.
std::string OnnxWeightReader::matrix(const std::string &name) {
  std::string &made = matrices[name];
  const OnnxWeight &weight = at(name);
  if (made.empty())
    made = weight.kind == OnnxWeight::Kind::Qdq
               ? dequantized(weight)
               : floats(weight.codes, weight.codeType);
  return made;
}

std::string OnnxWeightReader::product(const std::string &name,
                                      const std::string &input) {
  const OnnxWeight &weight = at(name);
  if (weight.kind != OnnxWeight::Kind::NBits) {
    std::string numbers = matrix(name);
    if (!weight.isTransposed)
      numbers = graph.transpose(numbers, {1, 0});
    return graph.node("MatMul", {input, numbers});
  }
  GraphBuilder::Values inputs = {input, weight.codes,
                                 floats(weight.scale, weight.scaleType)};
  if (weight.hasFloatZero())
    inputs.push_back(floats(weight.zero, weight.zeroType));
  else if (!weight.zero.empty())
    inputs.push_back(weight.zero);
  return graph.node("MatMulNBits", inputs,
                    {{"K", weight.cols},
                     {"N", weight.rows},
                     {"bits", int64_t(weight.format.element.bits)},
                     {"block_size", weight.size()}},
                    kMicrosoftDomain);
}

/// Integers without sign of `bits` from the bytes that hold them, lowest bits
/// first: the last axis becomes `count` of them.
std::string OnnxWeightReader::unpacked(const std::string &bytes, unsigned bits,
                                       int64_t count) {
  if (bits == 8)
    return bytes;
  std::string mask = graph.byte(uint8_t((1u << bits) - 1));
  GraphBuilder::Values parts;
  for (unsigned shift = 0; shift < 8; shift += bits) {
    std::string part = bytes;
    if (shift)
      part = graph.node("BitShift", {bytes, graph.byte(uint8_t(shift))},
                        {{"direction", "RIGHT"}});
    if (shift + bits < 8)
      part = graph.node("BitwiseAnd", {part, mask});
    parts.push_back(graph.unsqueeze(part, {-1}));
  }
  // The numbers of a byte lie in an axis of their own, behind the bytes.
  std::string all = graph.concat(parts, -1);
  all = graph.reshape(all, {0, 0, -1});
  return graph.columns(all, 0, count);
}

/// Of MatMulNBits' tensors: codes less zero points, times scales, as that
/// computes it.
std::string OnnxWeightReader::rowsOfBits(const OnnxWeight &weight,
                                         const std::string &indices) {
  unsigned bits = weight.format.element.bits;
  int64_t blocks = weight.blocksAcross(), size = weight.size();
  auto gather = [&](const std::string &tensor) {
    return graph.node("Gather", {tensor, indices});
  };
  std::string codes = graph.reshape(gather(weight.codes), {0, 0, -1});
  codes = graph.cast(unpacked(codes, bits, blocks * size), OnnxType::Float);
  codes = graph.reshape(codes, {0, 0, blocks, size});
  std::string zero = graph.number(float(1u << (bits - 1)));
  if (weight.hasFloatZero())
    zero = floats(gather(weight.zero), weight.zeroType);
  else if (!weight.zero.empty())
    zero = graph.cast(unpacked(gather(weight.zero), bits, blocks),
                      OnnxType::Float);
  if (!weight.zero.empty())
    zero = graph.unsqueeze(zero, {-1});
  std::string scale = floats(gather(weight.scale), weight.scaleType);
  scale = graph.unsqueeze(scale, {-1});
  std::string values =
      graph.node("Mul", {graph.node("Sub", {codes, zero}), scale});
  values = graph.reshape(values, {0, 0, blocks * size});
  return blocks * size == weight.cols ? values
                                      : graph.columns(values, 0, weight.cols);
}

/// Of DequantizeLinear's tensors, codes of bytes: what is looked up is decoded,
/// not the whole matrix. Each row brings its own scales.
std::string OnnxWeightReader::rowsOfCodes(const OnnxWeight &weight,
                                          const std::string &indices) {
  const numerics::Format &format = weight.format;
  GraphBuilder::Values inputs = {graph.node("Gather", {weight.codes, indices})};
  bool isTensor = format.block.rows == 0;
  for (const std::string &tensor : {weight.scale, weight.zero}) {
    if (tensor.empty())
      continue;
    std::string found = tensor;
    if (!isTensor)
      found = graph.node("Gather", {found, indices});
    if (!isTensor && format.block.cols == 0)
      found = graph.unsqueeze(found, {-1});
    inputs.push_back(inputs.size() == 1 ? floats(found, weight.scaleType)
                                        : found);
  }
  if (isTensor)
    return graph.node("DequantizeLinear", inputs);
  return graph.node("DequantizeLinear", inputs,
                    {{"axis", 2}, {"block_size", weight.size()}});
}

std::string OnnxWeightReader::rows(const std::string &name,
                                   const std::string &indices) {
  const OnnxWeight &weight = at(name);
  if (weight.kind == OnnxWeight::Kind::NBits)
    return rowsOfBits(weight, indices);
  if (!canLookUp(weight.codeType))
    return graph.node("Gather", {matrix(name), indices});
  if (weight.kind == OnnxWeight::Kind::Qdq)
    return rowsOfCodes(weight, indices);
  return floats(graph.node("Gather", {weight.codes, indices}), weight.codeType);
}
