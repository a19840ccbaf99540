// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the qt dialect.

#ifndef QUERN_DIALECT_QT_IR_QTOPS_TD
#define QUERN_DIALECT_QT_IR_QTOPS_TD

include "mlir/IR/CommonAttrConstraints.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "quern/Dialect/QT/IR/QTAttrs.td"

class QT_Op<string mnemonic, list<Trait> traits = []>
    : Op<QT_Dialect, mnemonic, traits>;

def QT_QuantizeOp : QT_Op<"quantize",
    [Pure, AllShapesMatch<["input", "result"]> /*quantize_c1*/,
     AllElementTypesMatch<["input", "result"]> /*quantize_c2*/]> {
  let summary = "Code the numbers of a tensor";
  let description = [{
    Finds the scales of every block by the scale rule of the result's format and
    the nearest code of every element: round to nearest, as the format says
    ties go. Numbers outside the format saturate.

    Lifespan: `quantize-quantize-activations` creates this op before linears
    whose compute mode is integer; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`. On weights, `#qt.encode` stands in its place.

    Constraints:
    - (C1) `input` and `result` have the same shape.
    - (C2) `input` and `result` have the same element type.
    - (C3) `input` has no encoding, `result` has a `#qt.format`.

    Example:

    ```mlir
    %hq = qt.quantize %h : tensor<?x64xf32>
        to tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>
    ```
  }];
  let arguments = (ins QT_Real:$input /*quantize_c3*/);
  let results = (outs QT_Encoded:$result /*quantize_c3*/);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($result)";
}

def QT_DequantizeOp : QT_Op<"dequantize",
    [Pure, AllShapesMatch<["input", "result"]> /*dequantize_c1*/,
     AllElementTypesMatch<["input", "result"]> /*dequantize_c2*/]> {
  let summary = "Decode the numbers of a tensor";
  let description = [{
    Computes the value of every code in binary32, rounded once to the element
    type of `result`.

    Lifespan: passes that need numbers where a consumer cannot read an encoding
    create this op; it does not reach the packed stage.

    Constraints:
    - (C1) `input` and `result` have the same shape.
    - (C2) `input` and `result` have the same element type.
    - (C3) `input` has a `#qt.format`, `result` has no encoding.

    Example:

    ```mlir
    %w = qt.dequantize %q
        : tensor<8x64xf32, #qt.format<i4 [1, 32], scale f16>> to tensor<8x64xf32>
    ```
  }];
  let arguments = (ins QT_Encoded:$input /*dequantize_c3*/);
  let results = (outs QT_Real:$result /*dequantize_c3*/);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($result)";
  let hasFolder = 1;
}

def QT_ObserveOp : QT_Op<"observe"> {
  let summary = "Record statistics of a tensor";
  let description = [{
    Adds the rows of `input` to the statistics called `name`. The value is only
    looked at; the op is kept because of its effect.

    Lifespan: calibration inserts this op and removes it again; no later stage
    has one.

    Constraints:
    - (C1) `name` is not empty.
    - (C2) `input` is a 2D tensor of floats without an encoding.

    Example:

    ```mlir
    qt.observe %x as "layers.0.attention.input" : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    Arg<QT_Real, "", [MemWrite]>:$input /*observe_c2*/,
    StrAttr:$name);
  let assemblyFormat = "$input `as` $name attr-dict `:` type($input)";
  let hasVerifier = 1; /*observe_c1*/
}

#endif // QUERN_DIALECT_QT_IR_QTOPS_TD
