// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What a weight holds before the first token: attributes of param.

#ifndef QUERN_DIALECT_PARAM_IR_PARAMATTRS_TD
#define QUERN_DIALECT_PARAM_IR_PARAMATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "quern/Dialect/Param/IR/ParamBase.td"

class Param_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Param_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Param_ExternalAttr : Param_Attr<"External", "external"> {
  let summary = "Tensor of an open weight source";
  let description = [{
    The tensor called `key` of the weight source called `scope`. A scope is
    bound to a file when a tool opens it; IR never holds a path.

    Example:

    ```mlir
    #param.external<"model", "model.norm.weight">
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$scope, "::mlir::StringAttr":$key);
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$scope, "::llvm::StringRef":$key), [{
      return $_get($_ctxt, ::mlir::StringAttr::get($_ctxt, scope),
                   ::mlir::StringAttr::get($_ctxt, key));
    }]>
  ];
  let assemblyFormat = "`<` $scope `,` $key `>`";
  let genVerifyDecl = 1;
}

def Param_ViewAttr : Param_Attr<"View", "view"> {
  let summary = "Some rows of a stored tensor";
  let description = [{
    A weight that is part of the tensor `source`: row i of it is row
    `first + i / run * stride + i % run` of that tensor, or of its transpose.
    So files with fused tensors (the queries, keys and values of a layer one
    after the other, or head by head) and transposed ones are read where they
    lie. A tensor of more than two extents counts as a matrix with its columns, a
    vector as a matrix of one column.

    Example:

    ```mlir
    #param.view<source = #param.external<"model", "model.layers.0.self_attn.qkv_proj.weight">,
                first = 64, run = 32, stride = 32>
    #param.view<source = #param.external<"model", "transformer.h.0.mlp.c_fc.weight">,
                first = 0, run = 256, stride = 256, transposed = true>
    ```
  }];
  let parameters = (ins
    "::quern::param::ExternalAttr":$source,
    "int64_t":$first,
    "int64_t":$run,
    "int64_t":$stride,
    DefaultValuedParameter<"bool", "false">:$transposed);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Param_StackAttr : Param_Attr<"Stack", "stack"> {
  let summary = "Stored matrices, one below the other";
  let description = [{
    The rows of the tensors of the weight source `scope` whose keys are `key` with
    0, 1, … `count` - 1 in place of its star: a matrix for each expert of a layer,
    as checkpoints have them. All have one shape and one element type.

    Example:

    ```mlir
    #param.stack<"model", "model.layers.0.mlp.experts.*.up_proj.weight", count = 8>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$scope, "::mlir::StringAttr":$key,
                        "int64_t":$count);
  let assemblyFormat = "`<` $scope `,` $key `,` `count` `=` $count `>`";
  let genVerifyDecl = 1;
}

def Param_SumAttr : Param_Attr<"Sum", "sum"> {
  let summary = "Stored weight with a number added to it";
  let description = [{
    Every number of the initial value `source`, plus `addend` in binary32. Norms
    of Gemma multiply by one more than their weight: checkpoints of Hugging Face
    hold the weight, and GGUF files what is multiplied by.

    Example:

    ```mlir
    #param.sum<#param.external<"model", "blk.0.attn_norm.weight">, -1.000000e+00 : f32>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$source,
                        "::mlir::FloatAttr":$addend);
  let assemblyFormat = "`<` $source `,` $addend `>`";
  let genVerifyDecl = 1;
}

def Param_SplatAttr : Param_Attr<"Splat", "splat"> {
  let summary = "Tensor whose elements are all the same";
  let description = [{
    A weight without a file, for tests and for synthetic models: every element
    is `value`, rounded to the element type of the global.

    Example:

    ```mlir
    #param.splat<1.000000e+00 : f32>
    ```
  }];
  let parameters = (ins "::mlir::FloatAttr":$value);
  let assemblyFormat = "`<` $value `>`";
}

#endif // QUERN_DIALECT_PARAM_IR_PARAMATTRS_TD
