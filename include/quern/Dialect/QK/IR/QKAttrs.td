// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the qk dialect.

#ifndef QUERN_DIALECT_QK_IR_QKATTRS_TD
#define QUERN_DIALECT_QK_IR_QKATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpAsmInterface.td"
include "quern/Dialect/Param/IR/ParamInterfaces.td"
include "quern/Dialect/QK/IR/QKBase.td"

class QK_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<QK_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def QK_LayoutAttr : QK_Attr<"Layout", "layout",
    [DeclareAttrInterfaceMethods<OpAsmAttrInterface, ["getAlias"]>]> {
  let summary = "Where each bit of a format's codes lies";
  let description = [{
    A term of the layout algebra, or the name of one that Quern ships. The
    grammar is that of docs/Formats.md; the printed form is canonical, so that
    equal layouts are the same attribute. A module prints each layout once, as
    an alias called after its name.

    Example:

    ```mlir
    #qk.layout<tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }>
    ```
  }];
  let parameters = (ins "::quern::qk::LayoutRef":$ref);
  let builders = [
    AttrBuilder<(ins "const ::quern::numerics::Layout &":$layout), [{
      return $_get($_ctxt, ::quern::qk::LayoutRef(layout));
    }]>
  ];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    const ::quern::numerics::Layout &getLayout() const {
      return getRef().getLayout();
    }
    /// The canonical text, what stands between < and >.
    ::llvm::StringRef getText() const;
  }];
}

/// A layout as an attribute of an operation, written in full: the parser of
/// #qk.layout needs the text that only the full syntax delimits.
def QK_Layout : Attr<CPred<"::llvm::isa<::quern::qk::LayoutAttr>($_self)">,
                     "#qk.layout attribute"> {
  let returnType = "::quern::qk::LayoutAttr";
  let convertFromStorage =
      "::llvm::cast_if_present<::quern::qk::LayoutAttr>($_self)";
}

def QK_StoredAttr : QK_Attr<"Stored", "stored",
    [DeclareAttrInterfaceMethods<Param_VerifiableInitialValue>]> {
  let summary = "Weight whose codes a container holds";
  let description = [{
    The initial value of a `param.global`: the codes of `format` that the bytes
    of `tensors` hold as `layout` says. The bytes of each tensor are those of
    one segment of the layout, in the order of the segments, whatever shape and
    element type the container gives them: GGUF keeps a weight in one tensor,
    others its codes, scales and zero points each in its own.

    A weight whose type has a `#qt.format` takes the codes as they are, from one
    layout to another; no number is computed. A weight whose type has none takes
    the numbers that the codes stand for, rounded to its element type; so does
    the `source` of a `#qt.encode`, which is how a weight gets another format.

    Constraints:
    - (C1) `tensors` are `#param.external`, one for each segment of `layout`.
    - (C2) The type has one or two dimensions, and `layout` places every bit of
      `format` for its extents; a vector is one row.
    - (C3) The type's format, if it has one, is `format`, or any where `format`
      is flat: then codes are brought into it as by `pack-align-blocks`.
    - (C4) `rows`, if present, is the first row and the number of rows of the
      matrix that the tensors hold. The weight is that row and as many more as
      its type has; they begin and end where rows can be read alone.

    Example:

    ```mlir
    #qk.stored<[#param.external<"model", "blk.0.attn_q.weight">],
               format = #qt.format<i8 [1, 32], scale f16>,
               layout = #qk.layout<tile [1, 32] 34B { scale @0; code @16 col(32:8) }>>
    #qk.stored<[#param.external<"model", "blk.0.attn_qkv.weight">],
               format = #qt.format<i8 [1, 32], scale f16>,
               layout = #qk.layout<tile [1, 32] 34B { scale @0; code @16 col(32:8) }>,
               rows = [64, 128]>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$tensors,
                        "::quern::qt::FormatAttr":$format,
                        "::quern::qk::LayoutAttr":$layout,
                        OptionalArrayRefParameter<"int64_t">:$rows);
  let builders = [
    AttrBuilder<(ins "::llvm::ArrayRef<::mlir::Attribute>":$tensors,
                     "::quern::qt::FormatAttr":$format,
                     "::quern::qk::LayoutAttr":$layout), [{
      return $_get($_ctxt, tensors, format, layout,
                   ::llvm::ArrayRef<int64_t>());
    }]>
  ];
  let assemblyFormat = [{
    `<` `[` $tensors `]` `,` `format` `=` qualified($format) `,`
    `layout` `=` qualified($layout) 
    (`,` `rows` `=` `[` $rows^ `]`)? `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    const ::quern::numerics::Format &getStoredFormat() const;
    const ::quern::numerics::Layout &getStoredLayout() const;
    /// The key of each tensor in its weight source.
    ::llvm::SmallVector<::std::string> getKeys() const;
    /// Of the matrix that the tensors hold: the row that the weight begins at,
    /// and all rows, of which the weight has `rows`.
    int64_t getFirstRow() const;
    int64_t getStoredRows(int64_t rows) const;
  }];
}

def QK_TileAttr : QK_Attr<"Tile", "tile"> {
  let summary = "Which generated code a kernel becomes";
  let description = [{
    The choice of kernel selection: the instruction set (`portable`, `avx2`,
    `avx512`), the type that products are computed in (`f32`, `bf16`, `int8`),
    and the block of the result, `rows` tokens by `columns`, that the innermost
    loops keep in registers.

    Example:

    ```mlir
    #qk.tile<isa = "avx512", compute = "int8", rows = 8, columns = 32>
    ```
  }];
  let parameters = (ins
    "::mlir::StringAttr":$isa,
    "::mlir::StringAttr":$compute,
    "int64_t":$rows,
    "int64_t":$columns);
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$isa, "::llvm::StringRef":$compute,
                     "int64_t":$rows, "int64_t":$columns), [{
      return $_get($_ctxt, ::mlir::StringAttr::get($_ctxt, isa),
                   ::mlir::StringAttr::get($_ctxt, compute), rows, columns);
    }]>
  ];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // QUERN_DIALECT_QK_IR_QKATTRS_TD
