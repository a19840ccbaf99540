// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the evaluation of an operation can see.

#include "Scope.h"
#include "Types.h"

using namespace quern;
using namespace quern::reference;

Status Scope::set(mlir::Value value, Result<Tensor> result) {
  if (!result)
    return result.status();
  if (Status status = checkType(*result, value.getType()); !status)
    return status.withContext("its result does not fit its type");
  if (interpreter.probe)
    interpreter.probe(value, *result);
  bind(value, std::move(*result));
  return Status::ok();
}
