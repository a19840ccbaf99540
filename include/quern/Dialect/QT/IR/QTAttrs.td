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
    dynamic if no block spans or crosses more than one row and the format has no
    column transforms, whose data are chosen from all rows.

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

def QT_PartAttr : QT_Attr<"Part", "part"> {
  let summary = "Part of a weight whose format has column transforms";
  let description = [{
    What `source`, a weight of type `of`, becomes under the column transforms of
    its format (docs/Formats.md, F8): the matrix that the rest of the format
    codes, or what one of the transforms stores or what follows from that. The
    numbers are computed when the artifact is written. They have the shape of
    the global that they are the initial value of, or stand in a `#qt.encode`
    of, from f32.

    `part` is one of:

    | part | shape of the numbers | of a link | what |
    |---|---|---|---|
    | `matrix` | rows x columns | | the transforms undone |
    | `order` | 1 x columns | ordered | what each column becomes |
    | `order.inverse` | 1 x columns | ordered | where each column comes from |
    | `column_scale` | 1 x columns | scaled | factors |
    | `apart` | rows x count | apart | the columns that are kept apart |
    | `apart.column` | 1 x count | apart | which ones these are |
    | `apart.rest` | 1 x columns | apart | the number of each column; that of columns for those kept apart |
    | `apart.place` | 1 x columns | apart | the place of each column among those kept apart; count for the others |

    That of the second link of a kind has a 2 behind the first word, as in
    `order2.inverse`, and so on.

    Constraints:
    - (C1) `of` has a `#qt.format` with column transforms.
    - (C2) `part` is the name of one of its parts.

    Example:

    ```mlir
    #qt.part<#param.external<"model", "w">,
             of = tensor<8x64xbf16, #qt.format<i4 [1, 32], scale f16, columns ordered>>,
             part = "order">
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$source, "::mlir::Type":$of,
                        "::mlir::StringAttr":$part);
  let assemblyFormat = [{
    `<` $source `,` `of` `=` $of `,` `part` `=` $part `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The type of the weight.
    ::mlir::RankedTensorType getWeightType() const {
      return ::llvm::cast<::mlir::RankedTensorType>(getOf());
    }
    /// The format of the weight, with its column transforms.
    const ::quern::numerics::Format &getFormat() const;
    ::quern::numerics::ColumnPart getColumnPart() const;
  }];
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
