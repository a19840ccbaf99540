// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the qk dialect.

#ifndef QUERN_DIALECT_QK_IR_QKOPS_TD
#define QUERN_DIALECT_QK_IR_QKOPS_TD

include "mlir/IR/CommonAttrConstraints.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "quern/Dialect/QK/IR/QKAttrs.td"
include "quern/Dialect/QK/IR/QKEnums.td"
include "quern/Dialect/QT/IR/QTAttrs.td"

class QK_Op<string mnemonic, list<Trait> traits = []>
    : Op<QK_Dialect, mnemonic, traits>;

def QK_Bytes : RankedTensorOf<[I8], [HasAnyRankOfPred<[1]>, HasStaticShapePred],
    "1D tensor of static shape">;

//===----------------------------------------------------------------------===//
// Numbers to bytes and back
//===----------------------------------------------------------------------===//

def QK_PackOp : QK_Op<"pack", [Pure]> {
  let summary = "Write the codes of a tensor as bytes";
  let description = [{
    Puts every bit of every plane of the input's format where `layout` says;
    bits that belong to no code are zero.

    Lifespan: tests and layout conversions create this op; it does not reach the
    kernels stage. The weights of a model are packed by export, outside IR.

    Constraints:
    - (C1) `input` is of static shape and has a `#qt.format`.
    - (C2) `layout` places every bit of that format for that shape.
    - (C3) The result has as many bytes as the layout takes.

    Example:

    ```mlir
    #int4 = #qt.format<i4 [1, 32], scale f16>
    #blocks = #qk.layout<tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }>
    %b = qk.pack %q layout(#blocks) : tensor<2x64xf32, #int4> to tensor<72xi8>
    ```
  }];
  let arguments = (ins QT_Encoded:$input, QK_Layout:$layout);
  let results = (outs QK_Bytes:$bytes);
  let assemblyFormat = [{
    $input `layout` `(` $layout `)` attr-dict `:` type($input) `to` type($bytes)
  }];
  let hasVerifier = 1; /*pack_c1, pack_c2, pack_c3*/
}

def QK_UnpackOp : QK_Op<"unpack", [Pure]> {
  let summary = "Read the codes of a tensor from bytes";
  let description = [{
    The inverse of `qk.pack`; padding is ignored.

    Lifespan: as `qk.pack`.

    Constraints:
    - (C1) The result is of static shape and has a `#qt.format`.
    - (C2) `layout` places every bit of that format for that shape.
    - (C3) `bytes` has as many bytes as the layout takes.

    Example:

    ```mlir
    #int4 = #qt.format<i4 [1, 32], scale f16>
    #blocks = #qk.layout<tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }>
    %q = qk.unpack %b layout(#blocks) : tensor<72xi8> to tensor<2x64xf32, #int4>
    ```
  }];
  let arguments = (ins QK_Bytes:$bytes, QK_Layout:$layout);
  let results = (outs QT_Encoded:$result);
  let assemblyFormat = [{
    $bytes `layout` `(` $layout `)` attr-dict `:` type($bytes) `to` type($result)
  }];
  let hasFolder = 1;
  let hasVerifier = 1; /*unpack_c1, unpack_c2, unpack_c3*/
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def QK_KernelOp : QK_Op<"kernel",
    [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Run one fused loop nest of the model";
  let description = [{
    One step of the generated program. `kind` says what is computed; each
    operand has a role, named by `operand_roles`; the other attributes configure
    the kind and have the names they have on the `nn` op:

    | kind | roles | attributes |
    |---|---|---|
    | `embedding` | tokens, table | |
    | `rms_norm` | x, weight | eps, [group], [unit_offset] |
    | `linear` | x, w, [bias], [residual], [routing] | compute, [softcap] |
    | `rope` | x, table, position | head_dim |
    | `kv_append` | key, value, cache, position | layer |
    | `attention` | query, cache, position | layer, scale, [window], [softcap] |
    | `add` | lhs, rhs | |
    | `gated_activation` | gate, up | activation |
    | `last_rows` | x, rows | |
    | `quantize` | x | |
    | `hadamard` | x | group |
    | `gather_columns` | x, columns | |
    | `scale_columns` | x, scales | |
    | `scale` | x | factor |
    | `softcap` | x | softcap |
    | `layer_norm` | x, weight, [bias] | eps |
    | `activation` | x | activation |
    | `add_positions` | x, table, position | |
    | `route` | x | top, [normalized] |
    | `dispatch` | x, routing | experts |
    | `combine` | x, routing | experts |

    `compute` is one of the strings `f32`, `bf16` and `int8`, `activation` the
    name of an `#nn<activation>`. The table of `rope` is a `#nn.rope_table`
    weight. A `residual` is added to the product, then a `softcap` bends what
    comes out. A weight operand is read through the layout of its
    `param.global`; a result with a `#qt.format` is quantized as it is written.

    Lifespan: `pack-lower-to-kernels` creates kernels; `codegen-select-kernel`
    gives each a tile; code generation turns them into functions.

    Constraints:
    - (C1) `operand_roles` names one role for each operand.
    - (C2) The roles are those of the kind, in the order of the table; those in
      brackets may be left out.
    - (C3) The attributes of the kind are present, and have the types and ranges
      they have on the `nn` op.
    - (C4) `kv_append` has no result, every other kind has one.
    - (C5) `position` and `rows` are indices, `tokens` is a vector of i32, `cache`
      an `!nn.kv_cache`; `table` and `w` are static matrices, `weight` and `bias`
      static vectors of floats; everything else, the result too, is a matrix of
      f32 whose columns are static. All but vectors and tokens may be encoded.
    - (C6) Shapes agree as on the `nn` op; the table of `rope` has an even number
      of columns, at most head_dim.

    Example:

    ```mlir
    %y = qk.kernel linear(%x, %w) tile #qk.tile<isa = "avx512", compute = "f32", rows = 8, columns = 32>
        {compute = "f32", operand_roles = ["x", "w"]}
        : (tensor<?x64xf32>, tensor<128x64xf32, #qt.format<i4 [1, 32], scale f16>>)
       -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins
    QK_KernelKindAttr:$kind,
    Variadic<AnyType>:$inputs,
    StrArrayAttr:$operand_roles,
    OptionalAttr<QK_TileAttr>:$tile);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{
    `` $kind `(` $inputs `)` (`tile` $tile^)? attr-dict
    `:` functional-type($inputs, $outputs)
  }];
  let extraClassDeclaration = [{
    /// The operand with role `role`, or null if there is none.
    ::mlir::Value getInput(::llvm::StringRef role);
  }];
  let hasVerifier = 1; /*kernel_c1 to kernel_c6*/
}

#endif // QUERN_DIALECT_QK_IR_QKOPS_TD
