// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the nn dialect.

#ifndef QUERN_DIALECT_NN_IR_NNOPS_TD
#define QUERN_DIALECT_NN_IR_NNOPS_TD

include "mlir/IR/CommonAttrConstraints.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "quern/Dialect/NN/IR/NNAttrs.td"
include "quern/Dialect/NN/IR/NNEnums.td"
include "quern/Dialect/NN/IR/NNTypes.td"

class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<NN_Dialect, mnemonic, traits>;

def NN_NonNegativeI64 : ConfinedAttr<I64Attr, [IntNonNegative]>;
def NN_PositiveI64 : ConfinedAttr<I64Attr, [IntPositive]>;
def NN_PositiveF32 : ConfinedAttr<F32Attr, [AttrConstraint<
    CPred<"::llvm::cast<::mlir::FloatAttr>($_self).getValueAsDouble() > 0">,
    "whose value is positive">]>;

//===----------------------------------------------------------------------===//
// Rows in, rows out
//===----------------------------------------------------------------------===//

def NN_EmbeddingOp : NN_Op<"embedding", [Pure]> {
  let summary = "Look up one row of a table for each token";
  let description = [{
    `result[m, :] = table[tokens[m], :]`, decoded and converted to f32. A token
    outside the table is undefined; the runtime refuses it before the model
    runs.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) The result has as many rows as there are tokens.
    - (C2) The result is as wide as the table.

    Example:

    ```mlir
    %x = nn.embedding %tokens, %e
        : (tensor<?xi32>, tensor<512x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Tokens:$tokens, NN_Matrix:$table);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $tokens `,` $table attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1; /*embedding_c1, embedding_c2*/
}

def NN_RMSNormOp : NN_Op<"rms_norm",
    [Pure, AllTypesMatch<["input", "result"]> /*rms_norm_c1*/]> {
  let summary = "Divide each row by its root mean square and scale it";
  let description = [{
    `result[m, i] = input[m, i] / sqrt(mean_j(input[m, j]^2) + eps) * weight[i]`.
    With `group g` each run of g columns is normalised on its own and `weight`
    has g entries: Qwen3's norm of each query and key head. With `unit_offset`
    the factor is `1 + weight[i]`, as Gemma stores its norms.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) `group`, if present, is positive and divides the width.
    - (C3) `weight` has one entry for each column of a group, or of a row if
      there is no `group`.

    Example:

    ```mlir
    %h = nn.rms_norm %x, %g eps 1.0e-05
        : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    %q1 = nn.rms_norm %q, %gq eps 1.0e-06 group 8 unit_offset
        : (tensor<?x64xf32>, tensor<8xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    NN_Activations:$input,
    NN_Vector:$weight,
    F32Attr:$eps,
    OptionalAttr<NN_PositiveI64>:$group,
    UnitAttr:$unit_offset);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $weight `eps` $eps (`group` $group^)?
    (`unit_offset` $unit_offset^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1; /*rms_norm_c2, rms_norm_c3*/
}

def NN_LayerNormOp : NN_Op<"layer_norm",
    [Pure, AllTypesMatch<["input", "result"]> /*layer_norm_c1*/]> {
  let summary = "Shift each row to mean 0, scale it to variance 1, then as learned";
  let description = [{
    With m and v the mean and the variance of row `input[m, :]`:

    `result[m, i] = (input[m, i] - m) / sqrt(v + eps) * weight[i] + bias[i]`.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) `weight`, and `bias` if present, have one entry for each column.

    Example:

    ```mlir
    %h = nn.layer_norm %x, %g bias %b eps 1.0e-05
        : (tensor<?x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    NN_Activations:$input,
    NN_Vector:$weight,
    Optional<NN_Vector>:$bias,
    F32Attr:$eps);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? `eps` $eps attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1; /*layer_norm_c2*/
}

def NN_LinearOp : NN_Op<"linear", [Pure, AttrSizedOperandSegments]> {
  let summary = "Multiply by the transpose of a weight matrix";
  let description = [{
    `result[m, n] = sum_k input[m, k] * weight[n, k] + bias[n]`. Encoded
    operands are decoded first. With `compute f32` (the default) products and
    sums are f32; with `compute bf16` both decoded operands are rounded to bf16
    and products are accumulated in f32. An encoded input makes the product an
    integer one where both encodings are integer.

    With `routed r` the weight is one matrix an expert, one below the other, and
    the rows of `input` are those that `nn.dispatch` made by the same routing:
    each is multiplied with its expert's matrix, and given its expert's bias.

    Lifespan: importers create this op; `quantize-*` passes encode its operands;
    `pack-lower-to-kernels` replaces it by a `qk.kernel`.

    Constraints:
    - (C1) `input` and `weight` have as many columns.
    - (C2) The result has a row for each row of `input` and a column for each
      row of `weight`.
    - (C3) `bias`, if present, has an entry for each row of `weight`.
    - (C4) With `routed`, the result has a column for each row of an expert
      instead: its columns divide the rows of `weight`.

    Example:

    ```mlir
    %y = nn.linear %x, %w
        : (tensor<?x64xf32>, tensor<172x64xbf16>) -> tensor<?x172xf32>
    %z = nn.linear %x, %w bias %b compute bf16
        : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172xf32>)
       -> tensor<?x172xf32>
    %e = nn.linear %rows, %experts routed %routing
        : (tensor<?x64xf32>, tensor<256x64xbf16>, tensor<?x4xf32>)
       -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins
    NN_Operand:$input,
    NN_Matrix:$weight,
    Optional<NN_Vector>:$bias,
    Optional<NN_Activations>:$routing,
    DefaultValuedAttr<NN_ComputeAttr, "::quern::nn::Compute::F32">:$compute);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`routed` $routing^)?
    (`compute` `` $compute^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1; /*linear_c1, linear_c2, linear_c3, linear_c4*/
}

def NN_AddOp : NN_Op<"add",
    [Pure, Commutative, AllTypesMatch<["lhs", "rhs", "result"]> /*add_c1*/]> {
  let summary = "Add two activations";
  let description = [{
    `result[m, i] = lhs[m, i] + rhs[m, i]`, the residual connection.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel` or makes it the epilogue of one.

    Constraints:
    - (C1) Both operands and the result have the same type.

    Example:

    ```mlir
    %y = nn.add %x, %o : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$lhs, NN_Activations:$rhs);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def NN_GatedActivationOp : NN_Op<"gated_activation",
    [Pure, AllTypesMatch<["gate", "up", "result"]> /*gated_activation_c1*/]> {
  let summary = "Apply a function to the gate and multiply";
  let description = [{
    `result[m, i] = f(gate[m, i]) * up[m, i]`, where f is one of

    | name | f(x) |
    |---|---|
    | `silu` | `x / (1 + exp(-x))` |
    | `gelu` | `x * (1 + erf(x / sqrt(2))) / 2` |
    | `gelu_tanh` | `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2` |

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) Both operands and the result have the same type.

    Example:

    ```mlir
    %m = nn.gated_activation silu %gate, %up : tensor<?x172xf32>
    ```
  }];
  let arguments = (ins
    NN_ActivationAttr:$activation,
    NN_Activations:$gate,
    NN_Activations:$up);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    `` $activation $gate `,` $up attr-dict `:` type($result)
  }];
}

def NN_ActivationOp : NN_Op<"activation",
    [Pure, AllTypesMatch<["input", "result"]> /*activation_c1*/]> {
  let summary = "Apply a function to each number";
  let description = [{
    `result[m, i] = f(input[m, i])`, with the functions of
    `nn.gated_activation`: the feed-forward part of GPT-2 has no gate.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.

    Example:

    ```mlir
    %y = nn.activation gelu_tanh %x : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_ActivationAttr:$activation, NN_Activations:$input);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = "`` $activation $input attr-dict `:` type($result)";
}

def NN_ScaleOp : NN_Op<"scale",
    [Pure, AllTypesMatch<["input", "result"]> /*scale_c1*/]> {
  let summary = "Multiply by a constant";
  let description = [{
    `result[m, i] = input[m, i] * factor`, such as the square root of the width
    by which Gemma multiplies its embeddings.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.

    Example:

    ```mlir
    %y = nn.scale %x by 8.0 : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$input, F32Attr:$factor);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = "$input `by` $factor attr-dict `:` type($result)";
}

def NN_SoftcapOp : NN_Op<"softcap",
    [Pure, AllTypesMatch<["input", "result"]> /*softcap_c1*/]> {
  let summary = "Bend numbers so that none is larger than a cap";
  let description = [{
    `result[m, i] = cap * tanh(input[m, i] / cap)`: Gemma 2's logits.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel` or makes it the epilogue of one.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) `cap` is positive.

    Example:

    ```mlir
    %y = nn.softcap %x cap 30.0 : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$input, NN_PositiveF32:$cap /*softcap_c2*/);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = "$input `cap` $cap attr-dict `:` type($result)";
}

def NN_LastRowsOp : NN_Op<"last_rows",
    [Pure, AllTypesMatch<["input", "result"]> /*last_rows_c1*/]> {
  let summary = "Keep the trailing rows";
  let description = [{
    `result` is the last `rows` rows of `input`: a prefill needs the logits of
    its last token only. `rows` is between 1 and the number of rows; anything
    else is undefined, and the runtime refuses it before the model runs.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) The number of rows is dynamic.

    Example:

    ```mlir
    %t = nn.last_rows %z, %rows : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$input, Index:$rows);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = "$input `,` $rows attr-dict `:` type($result)";
  let hasCanonicalizer = 1;
  let hasVerifier = 1; /*last_rows_c2*/
}

def NN_HadamardOp : NN_Op<"hadamard",
    [Pure, AllTypesMatch<["input", "result"]> /*hadamard_c1*/]> {
  let summary = "Rotate each run of columns by a Walsh-Hadamard matrix";
  let description = [{
    With g = `group`, for each run of g columns and i, j < g:

    `result[i] = sum_j (-1)^popcount(i & j) * input[j] / sqrt(g)`.

    The matrix is symmetric and orthogonal: it keeps dot products, is its own
    inverse, and spreads an outlier over the whole run.

    Lifespan: `quantize-rotate-kv-cache` and `quantize-expand-column-transforms`
    create this op; `pack-lower-to-kernels` replaces it by a `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) `group` is a power of two that divides the width.

    Example:

    ```mlir
    %r = nn.hadamard %x group 32 : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$input, NN_PositiveI64:$group);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = "$input `group` $group attr-dict `:` type($result)";
  let hasVerifier = 1; /*hadamard_c2*/
}

def NN_GatherColumnsOp : NN_Op<"gather_columns", [Pure]> {
  let summary = "Choose columns by number";
  let description = [{
    With w the width of `input`: `result[m, i] = input[m, columns[i]]`, and 0
    where `columns[i]` is w or more. The numbers of the columns are what
    `columns` decodes to, integers that are not negative. So the op reorders
    columns, takes some of them, sets some to zero, or spreads them over a wider
    row.

    Lifespan: `quantize-expand-column-transforms` creates this op;
    `pack-lower-to-kernels` replaces it by a `qk.kernel`.

    Constraints:
    - (C1) `columns` has one row.
    - (C2) The result has the rows of `input` and the columns of `columns`.

    Example:

    ```mlir
    %y = nn.gather_columns %x, %columns
        : (tensor<?x64xf32>, tensor<1x8xf32, #qt.format<u16>>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$input, NN_Matrix:$columns);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $columns attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1; /*gather_columns_c1, gather_columns_c2*/
}

def NN_ScaleColumnsOp : NN_Op<"scale_columns",
    [Pure, AllTypesMatch<["input", "result"]> /*scale_columns_c1*/]> {
  let summary = "Multiply each column by a number";
  let description = [{
    `result[m, i] = input[m, i] * scales[0, i]`, where `scales` is decoded to
    f32 first.

    Lifespan: `quantize-expand-column-transforms` creates this op;
    `pack-lower-to-kernels` replaces it by a `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) `scales` has one row and as many columns as `input`.

    Example:

    ```mlir
    %y = nn.scale_columns %x, %scales
        : (tensor<?x64xf32>, tensor<1x64xf32, #qt.format<f16>>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$input, NN_Matrix:$scales);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $scales attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1; /*scale_columns_c2*/
}

//===----------------------------------------------------------------------===//
// Experts
//===----------------------------------------------------------------------===//

def NN_RouteOp : NN_Op<"route", [Pure]> {
  let summary = "Choose experts for each token, and their shares";
  let description = [{
    Column e of `logits` speaks for expert e. With p the softmax of a row, the
    k = `top` experts of the largest logits are chosen, of equal ones the first.
    Row m of the result holds their numbers, ascending, then p of each; with
    `normalized`, divided by the sum of these.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `top` is positive and at most the columns of `logits`.
    - (C2) The result has the rows of `logits` and 2 * `top` columns.

    Example:

    ```mlir
    %r = nn.route %logits top 2 normalized
        : (tensor<?x8xf32>) -> tensor<?x4xf32>
    ```
  }];
  let arguments = (ins
    NN_Activations:$logits, NN_PositiveI64:$top, UnitAttr:$normalized);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $logits `top` $top (`normalized` $normalized^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1; /*route_c1, route_c2*/
}

def NN_DispatchOp : NN_Op<"dispatch",
    [Pure, AllTypesMatch<["input", "result"]> /*dispatch_c1*/]> {
  let summary = "Give each expert the rows of the tokens that chose it";
  let description = [{
    The rows of tokens that chose the first of `experts` experts, in their order,
    then those of the second, and so on: with k experts a token, k rows for each
    row of `input`. `routing` is what `nn.route` gives.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) The number of rows is dynamic.

    Example:

    ```mlir
    %rows = nn.dispatch %x, %r experts 8 : tensor<?x64xf32>, tensor<?x4xf32>
    ```
  }];
  let arguments = (ins
    NN_Activations:$input,
    NN_Activations:$routing,
    NN_PositiveI64:$experts);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $routing `experts` $experts attr-dict
    `:` type($input) `,` type($routing)
  }];
  let hasVerifier = 1; /*dispatch_c2*/
}

def NN_CombineOp : NN_Op<"combine",
    [Pure, AllTypesMatch<["input", "result"]> /*combine_c1*/]> {
  let summary = "Add up what a token's experts say, by their shares";
  let description = [{
    The inverse of `nn.dispatch`: row m of the result is the sum of the rows of
    `input` that stand for token m, each times its share, from the first expert
    to the last.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) The number of rows is dynamic.

    Example:

    ```mlir
    %y = nn.combine %rows, %r experts 8 : tensor<?x64xf32>, tensor<?x4xf32>
    ```
  }];
  let arguments = (ins
    NN_Activations:$input,
    NN_Activations:$routing,
    NN_PositiveI64:$experts);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $routing `experts` $experts attr-dict
    `:` type($input) `,` type($routing)
  }];
  let hasVerifier = 1; /*combine_c2*/
}

//===----------------------------------------------------------------------===//
// Positions and the cache
//===----------------------------------------------------------------------===//

def NN_RopeOp : NN_Op<"rope",
    [Pure, AllTypesMatch<["input", "result"]> /*rope_c1*/]> {
  let summary = "Rotate pairs of columns by an angle that grows with the position";
  let description = [{
    Each run of `head_dim` columns is one head. With h inverse frequencies and
    i < h, row m rotates the pair (i, i + h) of every head by
    `(position + m) * inverse_frequencies[i]`:

    `result[i] = x[i] * cos - x[i + h] * sin`,
    `result[i + h] = x[i + h] * cos + x[i] * sin`.

    With a `magnitude`, both are multiplied by it. Columns behind the pairs stay
    as they are.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel` that reads a table (`#nn.rope_table`).

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) `head_dim` is positive, even and divides the width.
    - (C3) There are at least one and at most head_dim / 2 inverse frequencies.
    - (C4) `magnitude`, if present, is positive.

    Example:

    ```mlir
    %q1 = nn.rope %q at %position
        {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.01>}
        : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    NN_Activations:$input,
    Index:$position,
    NN_PositiveI64:$head_dim,
    DenseF32ArrayAttr:$inverse_frequencies,
    OptionalAttr<NN_PositiveF32>:$magnitude /*rope_c4*/);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = "$input `at` $position attr-dict `:` type($result)";
  let hasVerifier = 1; /*rope_c2, rope_c3*/
}

def NN_AddPositionsOp : NN_Op<"add_positions",
    [Pure, AllTypesMatch<["input", "result"]> /*add_positions_c1*/]> {
  let summary = "Add to each row what is learned of its position";
  let description = [{
    `result[m, i] = input[m, i] + table[position + m, i]`. A position outside the
    table is undefined; the runtime refuses it before the model runs.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `input` and `result` have the same type.
    - (C2) `table` has the columns of `input` and no encoding.

    Example:

    ```mlir
    %y = nn.add_positions %x, %table at %position
        : (tensor<?x64xf32>, tensor<1024x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins NN_Activations:$input, NN_Matrix:$table, Index:$position);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $input `,` $table `at` $position attr-dict
    `:` `(` type($input) `,` type($table) `)` `->` type($result)
  }];
  let hasVerifier = 1; /*add_positions_c2*/
}

def NN_KVAppendOp : NN_Op<"kv_append",
    [AllTypesMatch<["key", "value"]> /*kv_append_c1*/]> {
  let summary = "Write keys and values into the cache";
  let description = [{
    Row m of `key` and `value` is converted to the element type of the cache
    (to nearest, ties to even), or each of its heads coded in the cache's
    encoding, and written at `position + m` of layer `layer`.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `key` and `value` have the same type.
    - (C2) Their width is heads * head_dim of the cache.
    - (C3) `layer` is not negative and less than the layers of the cache.

    Example:

    ```mlir
    nn.kv_append %k, %v into %cache[0] at %position : tensor<?x32xf32>,
        !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>
    ```
  }];
  let arguments = (ins
    NN_Activations:$key,
    NN_Activations:$value,
    Arg<NN_KVCacheType, "", [MemWrite]>:$cache,
    NN_NonNegativeI64:$layer,
    Index:$position);
  let assemblyFormat = [{
    $key `,` $value `into` $cache `[` $layer `]` `at` $position attr-dict
    `:` type($key) `,` type($cache)
  }];
  let hasVerifier = 1; /*kv_append_c2, kv_append_c3*/
}

def NN_AttentionOp : NN_Op<"attention",
    [AllTypesMatch<["query", "result"]> /*attention_c1*/]> {
  let summary = "Attend from each token to the cached ones before it";
  let description = [{
    Row m stands for position p = `position` + m and has width / head_dim query
    heads; query head h reads key and value head h / (query heads / heads of the
    cache). Over the positions t <= p (with `window w`, also t > p - w):

    `result = sum_t softmax_t(scale * dot(query, key[t])) * value[t]`, in f32.

    With `softcap c`, c * tanh(s / c) stands for each product s = scale * dot.
    The keys and values of the rows themselves are in the cache already.

    Lifespan: importers create this op; `pack-lower-to-kernels` replaces it by a
    `qk.kernel`.

    Constraints:
    - (C1) `query` and `result` have the same type.
    - (C2) The width is a positive multiple of heads * head_dim of the cache.
    - (C3) `layer` is not negative and less than the layers of the cache.
    - (C4) `window`, if present, is positive.
    - (C5) `softcap`, if present, is positive.

    Example:

    ```mlir
    %a = nn.attention %q, %cache[0] at %position scale 0.353553385
        : (tensor<?x64xf32>,
           !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>)
       -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    NN_Activations:$query,
    Arg<NN_KVCacheType, "", [MemRead]>:$cache,
    NN_NonNegativeI64:$layer,
    Index:$position,
    F32Attr:$scale,
    OptionalAttr<NN_PositiveI64>:$window /*attention_c4*/,
    OptionalAttr<NN_PositiveF32>:$softcap /*attention_c5*/);
  let results = (outs NN_Activations:$result);
  let assemblyFormat = [{
    $query `,` $cache `[` $layer `]` `at` $position `scale` $scale
    (`window` $window^)? (`softcap` $softcap^)? attr-dict
    `:` `(` type($query) `,` type($cache) `)` `->` type($result)
  }];
  let hasVerifier = 1; /*attention_c2, attention_c3*/
}

#endif // QUERN_DIALECT_NN_IR_NNOPS_TD
