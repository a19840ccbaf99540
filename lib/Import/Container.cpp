// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What all containers share: weights that are numbers.

#include "Container.h"

#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Import/Import.h"
#include "quern/Support/Text.h"

namespace quern::import {

using weights::DType;
using weights::TensorInfo;

Container::~Container() = default;

Status checkTensorShape(const TensorInfo &tensor,
                        const std::vector<int64_t> &shape) {
  if (tensor.shape == shape)
    return Status::ok();
  return weights::inTensor(
      tensor, Status::error(StatusCode::InvalidFile,
                            "expects shape " + shapeText(shape) + ", but got " +
                                shapeText(tensor.shape)));
}

mlir::FloatType floatTypeOf(mlir::MLIRContext &context, DType dtype) {
  switch (dtype) {
  case DType::F32:
    return mlir::Float32Type::get(&context);
  case DType::F16:
    return mlir::Float16Type::get(&context);
  case DType::BF16:
    return mlir::BFloat16Type::get(&context);
  default:
    return {};
  }
}

Result<BoundWeight>
Container::bindNumbers(const TensorInfo &tensor,
                       const std::vector<int64_t> &shape) const {
  if (Status status = checkTensorShape(tensor, shape); !status)
    return status;
  mlir::FloatType element = floatTypeOf(context, tensor.dtype);
  if (!element)
    return weights::inTensor(
        tensor,
        Status::error(StatusCode::Unsupported,
                      "expects element type F32, F16 or BF16, but got " +
                          tensor.typeText()));
  return BoundWeight{
      mlir::RankedTensorType::get(shape, element),
      param::ExternalAttr::get(&context, modelScope, tensor.name)};
}

} // namespace quern::import
