// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Evaluation of the check dialect: a failure names the first element that
// breaks the expectation.

#include "quern/Dialect/Check/IR/CheckOps.h"
#include "Mismatch.h"
#include "Scope.h"
#include "Types.h"
#include "quern/Numerics/Encode.h"
#include <cmath>
#include <cstdio>

using namespace quern;
using namespace quern::reference;

/// "[1, 3]", the coordinates of element `i`.
static std::string coordinates(const Tensor &tensor, int64_t i) {
  std::string text;
  for (auto extent = tensor.shape().rbegin(); extent != tensor.shape().rend();
       ++extent) {
    text = std::to_string(i % *extent) + (text.empty() ? "" : ", ") + text;
    i /= *extent;
  }
  return "[" + text + "]";
}

/// Enough digits to read back the same number.
static std::string decimal(float value) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", double(value));
  return text;
}

static Status failAt(const Tensor &tensor, size_t i,
                     const std::string &expectation,
                     const std::string &actual) {
  return mismatch(expectation + " at " + coordinates(tensor, int64_t(i)),
                  actual);
}

/// A tensor of dynamic shape may hold another number of rows.
static Status checkShapes(const Tensor &actual, const Tensor &expected) {
  if (actual.shape() == expected.shape())
    return Status::ok();
  return mismatch("shape " + expected.shapeText(), actual.shapeText());
}

/// The number of representable numbers of `type` below `value`, but for a
/// constant: neighbours differ by one, and both zeros are the same.
static int64_t ordinal(const numerics::FloatType &type, float value) {
  numerics::ScalarValues scalar;
  int32_t code = numerics::encodeFloat(scalar, type, value);
  int64_t magnitude = code & numerics::magnitudeMaskOf(type);
  return std::signbit(value) ? -magnitude : magnitude;
}

static Status checkIntegers(const Tensor &actual, const Tensor &expected) {
  for (size_t i = 0; i < expected.integers().size(); ++i)
    if (actual.integers()[i] != expected.integers()[i])
      return failAt(expected, i, std::to_string(expected.integers()[i]),
                    std::to_string(actual.integers()[i]));
  return Status::ok();
}

static Status evalEqual(check::EqualOp op, Scope &scope) {
  const Tensor &actual = scope.tensor(op.getActual());
  const Tensor &expected = scope.tensor(op.getExpected());
  if (Status status = checkShapes(actual, expected); !status)
    return status;
  if (expected.isInt())
    return checkIntegers(actual, expected);
  numerics::ScalarValues scalar;
  for (size_t i = 0; i < expected.values().size(); ++i) {
    float a = actual.values()[i], e = expected.values()[i];
    bool areNaN = std::isnan(a) && std::isnan(e);
    if (!areNaN && scalar.bitcastI(a) != scalar.bitcastI(e))
      return failAt(expected, i, decimal(e), decimal(a));
  }
  return Status::ok();
}

static Status evalCloseULP(check::CloseULPOp op, Scope &scope) {
  const Tensor &actual = scope.tensor(op.getActual());
  const Tensor &expected = scope.tensor(op.getExpected());
  if (Status status = checkShapes(actual, expected); !status)
    return status;
  mlir::Type element =
      llvm::cast<mlir::RankedTensorType>(op.getActual().getType())
          .getElementType();
  const numerics::FloatType *type = numerics::lookupFloatType(textOf(element));
  if (!type)
    return mismatch("a float type of at most 32 bits", textOf(element));
  for (size_t i = 0; i < expected.values().size(); ++i) {
    float a = actual.values()[i], e = expected.values()[i];
    int64_t distance = std::abs(ordinal(*type, a) - ordinal(*type, e));
    if (std::isnan(a) != std::isnan(e) || distance > int64_t(op.getMax()))
      return failAt(expected, i,
                    decimal(e) + " to " + std::to_string(op.getMax()) + " ULP",
                    decimal(a) + ", " + std::to_string(distance) + " ULP away");
  }
  return Status::ok();
}

static Status evalWithin(check::WithinOp op, Scope &scope) {
  const Tensor &actual = scope.tensor(op.getActual());
  const Tensor &expected = scope.tensor(op.getExpected());
  const Tensor *bounds = scope.tensorOrNull(op.getBound());
  if (Status status = checkShapes(actual, expected); !status)
    return status;
  if (bounds)
    if (Status status = checkShapes(*bounds, expected); !status)
      return status;
  for (size_t i = 0; i < expected.values().size(); ++i) {
    float a = actual.values()[i], e = expected.values()[i];
    double bound =
        bounds ? bounds->values()[i] : op.getAbsoluteAttr().getValueAsDouble();
    double difference = std::fabs(double(a) - double(e));
    // A NaN fails this comparison, as it must.
    if (!(difference <= bound))
      return failAt(expected, i,
                    decimal(e) + " within " + decimal(float(bound)),
                    decimal(a) + ", " + decimal(float(difference)) + " away");
  }
  return Status::ok();
}

void reference::addCheckOps(OpTable &table) {
  table.add(evalEqual);
  table.add(evalCloseULP);
  table.add(evalWithin);
}
