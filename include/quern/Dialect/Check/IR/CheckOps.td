// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The check dialect: is it right? Tests only.

#ifndef QUERN_DIALECT_CHECK_IR_CHECKOPS_TD
#define QUERN_DIALECT_CHECK_IR_CHECKOPS_TD

include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Check_Dialect : Dialect {
  let name = "check";
  let cppNamespace = "::quern::check";
  let summary = "Expectations about values, for tests";
  let description = [{
    The `check` dialect lets a test say what a tensor must hold. The reference
    interpreter evaluates its operations and fails with the first element that
    breaks an expectation.
  }];
}

/// Expectations are kept although nothing uses them: they may fail.
class Check_Op<string mnemonic, list<Trait> traits = []>
    : Op<Check_Dialect, mnemonic, !listconcat(traits, [MemoryEffects<[MemWrite]>])>;

def Check_Numbers : RankedTensorOf<[AnyFloat, AnyInteger],
    [CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">],
    "ranked tensor without an encoding">;
def Check_Reals : RankedTensorOf<[AnyFloat],
    [CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">],
    "ranked tensor without an encoding">;

def Check_EqualOp : Check_Op<"equal",
    [AllTypesMatch<["actual", "expected"]> /*equal_c1*/]> {
  let summary = "Expect two tensors to be equal, bit by bit";
  let description = [{
    Fails unless `actual` and `expected` have the same shape and every element
    has the same bits; any NaN equals any NaN.

    Lifespan: tests only; no pass creates or accepts this op.

    Constraints:
    - (C1) Both operands have the same type.

    Example:

    ```mlir
    check.equal %actual, %expected : tensor<2x4xf32>
    ```
  }];
  let arguments = (ins Check_Numbers:$actual, Check_Numbers:$expected);
  let assemblyFormat = "$actual `,` $expected attr-dict `:` type($actual)";
}

def Check_CloseULPOp : Check_Op<"close_ulp",
    [AllTypesMatch<["actual", "expected"]> /*close_ulp_c1*/]> {
  let summary = "Expect two tensors to agree to some units in the last place";
  let description = [{
    Fails unless `actual` and `expected` have the same shape and at most `max` - 1
    numbers of their element type lie between any two of their elements. A NaN
    agrees with a NaN only.

    Lifespan: tests only; no pass creates or accepts this op.

    Constraints:
    - (C1) Both operands have the same type.
    - (C2) `max` is not negative.

    Example:

    ```mlir
    check.close_ulp %actual, %expected max 2 : tensor<2x4xf32>
    ```
  }];
  let arguments = (ins
    Check_Reals:$actual,
    Check_Reals:$expected,
    ConfinedAttr<I64Attr, [IntNonNegative]>:$max /*close_ulp_c2*/);
  let assemblyFormat = [{
    $actual `,` $expected `max` $max attr-dict `:` type($actual)
  }];
}

def Check_WithinOp : Check_Op<"within",
    [AllTypesMatch<["actual", "expected"]> /*within_c1*/]> {
  let summary = "Expect two tensors to differ by no more than a bound";
  let description = [{
    Fails unless `|actual - expected| <= bound` for every element, computed in
    binary64. The bound is one number, `absolute`, or a tensor with a bound for
    each element. A NaN is within no bound.

    Lifespan: tests only; no pass creates or accepts this op.

    Constraints:
    - (C1) `actual` and `expected` have the same type.
    - (C2) There is either `bound` or `absolute`.
    - (C3) `bound` has the type of `actual`.
    - (C4) `absolute` is not negative and not NaN.

    Example:

    ```mlir
    check.within %actual, %expected absolute 1.0e-03 : tensor<2x4xf32>
    check.within %actual, %expected bound %bound : tensor<2x4xf32>
        : tensor<2x4xf32>
    ```
  }];
  let arguments = (ins
    Check_Reals:$actual,
    Check_Reals:$expected,
    Optional<Check_Reals>:$bound,
    OptionalAttr<F64Attr>:$absolute);
  let assemblyFormat = [{
    $actual `,` $expected (`bound` $bound^ `:` type($bound))?
    (`absolute` $absolute^)? attr-dict `:` type($actual)
  }];
  let hasVerifier = 1; /*within_c2, within_c3, within_c4*/
}

#endif // QUERN_DIALECT_CHECK_IR_CHECKOPS_TD
