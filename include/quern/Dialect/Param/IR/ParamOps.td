// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations of the param dialect.

#ifndef QUERN_DIALECT_PARAM_IR_PARAMOPS_TD
#define QUERN_DIALECT_PARAM_IR_PARAMOPS_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "quern/Dialect/Param/IR/ParamAttrs.td"

class Param_Op<string mnemonic, list<Trait> traits = []>
    : Op<Param_Dialect, mnemonic, traits>;

def Param_GlobalOp : Param_Op<"global", [Symbol]> {
  let summary = "Name a weight, its type and where its values come from";
  let description = [{
    Declares a weight of the model. The type is the logical one: an encoding on
    it (`#qt.format`) says how elements are coded, `layout` (`#qk.layout`) where
    the bits of the codes lie. The initial value says how to get the values and
    is an attribute of any dialect: `#param.external`, `#param.view`,
    `#param.stack`, `#param.splat`, `#qk.stored`, `#qt.encode`,
    `#nn.rope_table`.

    Lifespan: importers create globals; `quantize-*` passes put an encoding on
    their types, `pack-*` passes a layout; export writes their bytes.

    Constraints:
    - (C1) The type is a ranked tensor of static shape.
    - (C2) The initial value is an attribute of a dialect, not of the builtin
      one: values themselves never lie in IR.
    - (C3) `layout`, if present, is an attribute of a dialect.
    - (C4) An initial value that is a `VerifiableInitialValue` accepts the type.

    Example:

    ```mlir
    param.global @model.norm.weight : tensor<64xf32>
        = #param.external<"model", "model.norm.weight">
    ```
  }];

  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<AnyStaticShapeTensor>:$type /*global_c1*/,
    OptionalAttr<AnyAttr>:$layout,
    AnyAttr:$value,
    OptionalAttr<StrAttr>:$sym_visibility);
  let assemblyFormat = [{
    $sym_name `:` $type (`layout` $layout^)? `=` $value attr-dict
  }];
  let extraClassDeclaration = [{
    /// The type as a tensor type, which constraint C1 makes it.
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
  }];
  let hasVerifier = 1; /*global_c2, global_c3, global_c4*/
}

def Param_LoadOp : Param_Op<"load",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface> /*load_c1, load_c2*/]> {
  let summary = "Use a weight";
  let description = [{
    Gives the weight called `global`. Weights never change while a model runs,
    so that the op has no effect and equal loads may be merged.

    Lifespan: created with `param.global`; code generation turns it into an
    address inside the mapped weight file.

    Constraints:
    - (C1) `global` names a `param.global`.
    - (C2) The result type is the type of that global.

    Example:

    ```mlir
    %g = param.load @model.norm.weight : tensor<64xf32>
    ```
  }];

  let arguments = (ins FlatSymbolRefAttr:$global);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$global attr-dict `:` type($result)";
}

#endif // QUERN_DIALECT_PARAM_IR_PARAMOPS_TD
