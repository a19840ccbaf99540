// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Between numbers, codes and bytes.

#include "quern/Reference/Quantize.h"
#include "Mismatch.h"
#include "quern/Numerics/EncodeTensor.h"
#include <optional>

using namespace quern;
using namespace quern::reference;

static std::optional<numerics::Solver> lookupSolver(const std::string &name) {
  if (name == "rtn")
    return numerics::Solver::Plain;
  if (name == "mse")
    return numerics::Solver::Mse;
  return std::nullopt;
}

Result<Tensor> reference::quantize(const Tensor &x,
                                   const numerics::Format &format,
                                   const std::string &solver,
                                   Span<const float> columnWeights) {
  std::optional<numerics::Solver> known = lookupSolver(solver);
  if (!known)
    return mismatch("solver 'rtn' or 'mse'", "'" + solver + "'");
  if (!x.isReal() || x.rank() != 2)
    return mismatch("a matrix of real numbers", "shape " + x.shapeText());
  if (Status status = checkShape(format, x.rows(), x.cols()); !status)
    return status;
  numerics::EncodeOptions options;
  options.solver = *known;
  options.columnWeights = columnWeights;
  Result<numerics::CodedTensor> coded =
      numerics::encodeRows(format, x.values(), x.rows(), x.cols(), options);
  if (!coded)
    return coded.status();
  return Tensor::ofCodes(std::make_shared<const numerics::Format>(format),
                         std::move(*coded));
}

Result<Tensor> reference::pack(const Tensor &x,
                               const numerics::Layout &layout) {
  if (!x.isCoded())
    return mismatch("a coded matrix", "shape " + x.shapeText());
  std::vector<uint8_t> bytes(
      size_t(numerics::layoutBytes(layout, x.rows(), x.cols())));
  if (Status status =
          numerics::packRows(layout, *x.format(), x.rows(), x.cols(),
                             /*rowBegin=*/0, *x.coded(), bytes);
      !status)
    return status;
  std::vector<int32_t> integers;
  for (uint8_t byte : bytes)
    integers.push_back(int8_t(byte));
  return Tensor::ofInts({int64_t(bytes.size())}, std::move(integers));
}

Result<Tensor> reference::unpack(const Tensor &bytes,
                                 const numerics::Layout &layout,
                                 const numerics::Format &format, int64_t rows,
                                 int64_t cols) {
  std::vector<uint8_t> buffer;
  for (int32_t byte : bytes.integers())
    buffer.push_back(uint8_t(byte));
  Result<numerics::CodedTensor> coded = numerics::unpackRows(
      layout, format, rows, cols, /*rowBegin=*/0, rows, buffer);
  if (!coded)
    return coded.status();
  return Tensor::ofCodes(std::make_shared<const numerics::Format>(format),
                         std::move(*coded));
}
