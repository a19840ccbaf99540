// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the qt dialect, and the tensors that carry them.

#ifndef QUERN_DIALECT_QT_IR_QTATTRS_TD
#define QUERN_DIALECT_QT_IR_QTATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/TensorEncoding.td"
include "quern/Dialect/QT/IR/QTBase.td"

class QT_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<QT_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def QT_FormatAttr : QT_Attr<"Format", "format", [
    DeclareAttrInterfaceMethods<VerifiableTensorEncoding>,
    DeclareAttrInterfaceMethods<OpAsmAttrInterface, ["getAlias"]>]> {
  let summary = "Which numbers the codes of a tensor stand for";
  let description = [{
    The encoding of a quantized tensor: a term of the format algebra, or the
    name of one. The grammar is that of the formats file (docs/Formats.md); the
    printed form is canonical, so that equal formats are the same attribute. A
    module prints each format once, as an alias called after its name.

    The tensor has two dimensions and float elements, and the blocks of the
    format divide it, unless they may be cut short. Its first dimension may be
    dynamic if no block spans or crosses more than one row.

    Example:

    ```mlir
    tensor<4096x4096xbf16, #qt.format<u4 [1, 32], scale (u6 [1, 8], scale f16), min (u6 [1, 8], scale f16)>>
    ```
  }];
  let parameters = (ins "::quern::qt::FormatRef":$ref);
  let builders = [
    AttrBuilder<(ins "const ::quern::numerics::Format &":$format), [{
      return $_get($_ctxt, ::quern::qt::FormatRef(format));
    }]>
  ];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    const ::quern::numerics::Format &getFormat() const {
      return getRef().getFormat();
    }
    /// The canonical text, what stands between < and >.
    ::llvm::StringRef getText() const;
  }];
}

def QT_EncodeAttr : QT_Attr<"Encode", "encode"> {
  let summary = "Weight that is quantized when the artifact is written";
  let description = [{
    The initial value of a `param.global` whose type has the encoding
    `#qt.format`: take `source`, whose elements are of type `from`, and let the
    solver called `solver` choose the codes. With `flat`, they are chosen in that
    format, whose blocks may cross rows, and then brought into the type's format,
    which has none or repeated scales (`pack-align-blocks`).

    Example:

    ```mlir
    #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$source, "::mlir::Type":$from,
                        "::mlir::StringAttr":$solver,
                        OptionalParameter<"::quern::qt::FormatAttr">:$flat);
  let builders = [
    AttrBuilder<(ins "::mlir::Attribute":$source, "::mlir::Type":$from,
                     "::mlir::StringAttr":$solver), [{
      return $_get($_ctxt, source, from, solver, FormatAttr());
    }]>
  ];
  let assemblyFormat = [{
    `<` $source `,` `from` `=` $from `,` `solver` `=` $solver
    (`,` `flat` `=` qualified($flat)^)? `>`
  }];
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Type constraints
//===----------------------------------------------------------------------===//

def QT_Real : RankedTensorOf<[AnyFloat],
    [HasAnyRankOfPred<[2]>,
     CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">],
    "2D tensor without an encoding">;
def QT_Encoded : RankedTensorOf<[AnyFloat],
    [CPred<"::llvm::isa_and_present<::quern::qt::FormatAttr>("
           "::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding())">],
    "tensor with the encoding #qt.format">;

#endif // QUERN_DIALECT_QT_IR_QTATTRS_TD
