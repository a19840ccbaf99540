// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Elements of number formats whose values are computed by a region.

#ifndef CODEC_OPS_TD
#define CODEC_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Codec_Dialect : Dialect {
  let name = "codec";
  let cppNamespace = "::codec";
  let summary = "Elements of number formats that are programs";
}

def Codec_ElementOp : Op<Codec_Dialect, "element",
    [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "An element of a format, as the program that decodes its codes";
  let description = [{
    The region gets a code, from 0 to 2^bits - 1, and yields the number that it
    stands for. It may hold any ops that fold on constants: those of `arith` and
    `math` do.

    Lifespan: written by hand; `codec-assign-encodings` evaluates it for every
    code, puts the codebook into formats that name it, and erases it.

    Constraints:
    - (C1) `bits` is from 1 to 8.
    - (C2) The region has one argument, an i32.
    - (C3) The region ends with `codec.yield`.

    Example:

    ```mlir
    codec.element @squares bits 4 {
    ^bb0(%code: i32):
      %square = arith.muli %code, %code : i32
      %value = arith.uitofp %square : i32 to f32
      codec.yield %value
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
      ConfinedAttr<I64Attr, [IntMinValue<1>, IntMaxValue<8>]>:$bits /*element_c1*/);
  let regions = (region SizedRegion<1>:$decode);
  let assemblyFormat = "$sym_name `bits` $bits attr-dict-with-keyword $decode";
  let hasRegionVerifier = 1;
}

def Codec_YieldOp : Op<Codec_Dialect, "yield",
    [Pure, Terminator, HasParent<"ElementOp"> /*yield_c1*/]> {
  let summary = "The number that a code stands for";
  let description = [{
    Lifespan: that of its `codec.element`.

    Constraints:
    - (C1) The parent is a `codec.element`.

    Example: that of `codec.element`.
  }];
  let arguments = (ins F32:$value);
  let assemblyFormat = "$value attr-dict";
}

#endif // CODEC_OPS_TD
