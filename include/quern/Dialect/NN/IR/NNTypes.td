// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Types and type constraints of the nn dialect.

#ifndef QUERN_DIALECT_NN_IR_NNTYPES_TD
#define QUERN_DIALECT_NN_IR_NNTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonTypeConstraints.td"
include "quern/Dialect/NN/IR/NNBase.td"

def NN_KVCacheType : TypeDef<NN_Dialect, "KVCache"> {
  let mnemonic = "kv_cache";
  let summary = "Keys and values of the tokens seen so far";
  let description = [{
    A reference to the memory of one session: for each of `layers` layers and
    each position, a key and a value of `heads` heads by `head_dim` numbers,
    stored as `element` (f16 or f32). Each of the three numbers is between 1 and
    65536.

    With an `encoding` the element is f32, and the key and the value of each
    head are coded on their own: what a `tensor<?x[head_dim]xf32, encoding>`
    allows, so that blocks have one row and divide the head dimension.

    Example:

    ```mlir
    !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>
    !nn.kv_cache<layers = 6, heads = 4, head_dim = 32, element = f32,
                 encoding = #qt.format<i8 [1, 32], scale f16>>
    ```
  }];
  let parameters = (ins "int64_t":$layers, "int64_t":$heads,
                        "int64_t":$head_dim, "::mlir::Type":$element,
                        OptionalParameter<"::mlir::Attribute">:$encoding);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def NN_IsPlain : CPred<
    "!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">;
def NN_HasWidth : CPred<
    "::llvm::cast<::mlir::RankedTensorType>($_self).getDimSize(1) > 0">;

/// What an op computes: one row a token.
def NN_Activations : RankedTensorOf<[F32],
    [HasAnyRankOfPred<[2]>, NN_HasWidth, NN_IsPlain],
    "[tokens, width] tensor without an encoding">;
/// What a linear reads: activations that may be quantized.
def NN_Operand : RankedTensorOf<[F32], [HasAnyRankOfPred<[2]>, NN_HasWidth],
    "[tokens, width] tensor">;
def NN_Tokens : RankedTensorOf<[I32], [HasAnyRankOfPred<[1]>], "1D tensor">;
def NN_Matrix : RankedTensorOf<[AnyFloat], [HasAnyRankOfPred<[2]>, HasStaticShapePred],
    "2D tensor of static shape">;
def NN_Vector : RankedTensorOf<[AnyFloat], [HasAnyRankOfPred<[1]>, HasStaticShapePred],
    "1D tensor of static shape">;

#endif // QUERN_DIALECT_NN_IR_NNTYPES_TD
