// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes of the Pack phase: where the bits of each weight lie, and which
// kernel reads them.

#ifndef QUERN_PACK_PASSES_TD
#define QUERN_PACK_PASSES_TD

include "mlir/Pass/PassBase.td"

def MaterializeRopePass : Pass<"pack-materialize-rope", "::mlir::ModuleOp"> {
  let summary = "Give every set of rope frequencies a table of cosines and sines";
  let description = [{
    Adds one `param.global` holding `#nn.rope_table` for each distinct
    `inverse_frequencies` of an `nn.rope`, with a row for each position of the
    model's context (`nn.model`). `pack-lower-to-kernels` finds the tables by
    their frequencies.

    Example:

    ```mlir
    module attributes {nn.model = {architecture = "llama", vocabulary = 32 : i64, context = 8 : i64, hidden = 4 : i64, layers = 1 : i64, heads = 1 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, intermediate = 8 : i64}} {
      func.func @forward(%x: tensor<?x4xf32>, %position: index) -> tensor<?x4xf32> {
        %y = nn.rope %x at %position
            {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.01>}
            : tensor<?x4xf32>
        return %y : tensor<?x4xf32>
      }
    }
    ```

    gains

    ```mlir
    param.global @rope.table : tensor<8x4xf32>
        = #nn.rope_table<positions = 8, inverse_frequencies = [1.0, 0.01]>
    ```
  }];
  let dependentDialects = ["::quern::nn::NNDialect", "::quern::param::ParamDialect"];
}

def AlignBlocksPass : Pass<"pack-align-blocks", "::mlir::ModuleOp"> {
  let summary = "Let no block cross a row";
  let description = [{
    Kernels read rows. Gives every weight of a flat format, whose blocks of n
    cross the rows of `cols` columns, one of blocks of gcd(`cols`, n) columns
    with repeated scales (docs/Formats.md, F7): the same codes and values. Where
    the blocks end with the rows that costs nothing; a remark says where it does.
    Where the new blocks are no multiple of the four columns that kernels decode
    together, the weight keeps its values in f32 instead, and a remark says so.

    The weight is still coded in the flat format, which `#qt.encode` or
    `#qk.stored` remembers.
    Weights that have a layout stay as they are.

    Example:

    ```mlir
    param.global @w : tensor<64x172xf32, #qt.format<i4 [1, 64] flat, scale f16>>
        = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
    ```

    becomes

    ```mlir
    param.global @w : tensor<64x172xf32, #qt.format<i4 [1, 4], scale f16>>
        = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn", flat = #qt.format<i4 [1, 64] flat, scale f16>>
    ```
  }];
  let dependentDialects = ["::quern::param::ParamDialect", "::quern::qt::QTDialect"];
}

def AssignLayoutsPass : Pass<"pack-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Choose where the bits of each weight lie";
  let description = [{
    Sets the `layout` of every `param.global` that has none. With `target=cpu`
    matrices get the CPU kernels' panel (docs/Formats.md), with `target=dense`
    plain row-major arrays. Vectors, rope tables and what `nn.gather_columns` and
    `nn.scale_columns` read are dense, and vectors become f32: they are small,
    and kernels read them as they are.

    Fails if a weight has neither one nor two dimensions, if the blocks of one for
    `cpu` cross rows (see `pack-align-blocks`), or if a layout that was
    there before does not fit the weight's format.

    Example:

    ```mlir
    param.global @g : tensor<64xbf16> = #param.external<"model", "g">
    param.global @w : tensor<64x64xf32, #qt.format<i4 [1, 32], scale f16>>
        = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
    ```

    becomes

    ```mlir
    #int4 = #qt.format<i4 [1, 32], scale f16>
    param.global @g : tensor<64xf32>
        layout #qk.layout<tile [1, *] 256B { code{0:32} @0 col(64:32) }>
        = #param.external<"model", "g">
    param.global @w : tensor<64x64xf32, #int4>
        layout #qk.layout<tile [16, 64] 576B { scale{0:16} @0 row(16:16) col(2:256); code{0:4} @512 row(16:32) col(4:8, 2:4, 8:512) flip }>
        = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"cpu\"",
           "Machine whose kernels read the weights: cpu or dense">,
  ];
  let dependentDialects = ["::quern::param::ParamDialect", "::quern::qk::QKDialect"];
}

def LowerToKernelsPass : Pass<"pack-lower-to-kernels", "::mlir::ModuleOp"> {
  let summary = "Replace each operation of the model by a kernel";
  let description = [{
    Turns every `nn` operation and every `qt.quantize` into a `qk.kernel` of the
    same name and with the same attributes. A linear whose input is quantized
    computes in `int8`, else in what its `compute` says; for `bf16` a `quantize`
    kernel rounds its input. A rope reads the table
    that `pack-materialize-rope` made for its frequencies; that there is none is
    an error.

    Example:

    ```mlir
    %hq = qt.quantize %h : tensor<?x64xf32> to tensor<?x64xf32, #int8_row32>
    %y = nn.linear %hq, %w
        : (tensor<?x64xf32, #int8_row32>, tensor<128x64xf32, #int4>) -> tensor<?x128xf32>
    ```

    becomes

    ```mlir
    %hq = qk.kernel quantize(%h) {operand_roles = ["x"]}
        : (tensor<?x64xf32>) -> tensor<?x64xf32, #int8_row32>
    %y = qk.kernel linear(%hq, %w) {compute = "int8", operand_roles = ["x", "w"]}
        : (tensor<?x64xf32, #int8_row32>, tensor<128x64xf32, #int4>) -> tensor<?x128xf32>
    ```
  }];
  let dependentDialects = ["::quern::param::ParamDialect", "::quern::qk::QKDialect"];
}

#endif // QUERN_PACK_PASSES_TD
