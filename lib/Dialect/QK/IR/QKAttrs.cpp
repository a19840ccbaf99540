// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the qk dialect: text in, text out, aliases.

#include "quern/Dialect/QK/IR/QKAttrs.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "quern/Dialect/Param/IR/ParamAttrs.h"
#include "quern/Dialect/QK/IR/QKDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quern;
using namespace quern::qk;

#include "quern/Dialect/QK/IR/QKEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/QK/IR/QKAttrs.cpp.inc"

void QKDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "quern/Dialect/QK/IR/QKAttrs.cpp.inc"
      >();
}

StringRef LayoutAttr::getText() const { return getImpl()->ref.getText(); }

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  // Only the dialect's attribute parser comes here, and it hands over the whole
  // text: no operation binds this attribute in its assembly format. The MLIR
  // parser has already found the matching >, so that the text needs no lexing.
  StringRef spec = static_cast<DialectAsmParser &>(parser).getFullSymbolSpec();
  size_t open = spec.find('<');
  if (open == StringRef::npos) {
    parser.emitError(parser.getCurrentLocation())
        << "expects '<' and a layout after #qk.layout";
    return {};
  }
  StringRef text = spec.slice(open + 1, spec.rfind('>')).trim();
  if (const numerics::Layout *named = numerics::lookupLayout(text.str()))
    return LayoutAttr::get(parser.getContext(), *named);
  size_t errorOffset = 0;
  Result<numerics::Layout> layout =
      numerics::parseLayout(text.str(), &errorOffset);
  if (!layout) {
    parser.emitError(SMLoc::getFromPointer(text.data() + errorOffset))
        << layout.status().message();
    return {};
  }
  return LayoutAttr::get(parser.getContext(), *layout);
}

void LayoutAttr::print(AsmPrinter &printer) const {
  printer << "<" << getText() << ">";
}

OpAsmAliasResult LayoutAttr::getAlias(llvm::raw_ostream &os) const {
  for (const std::string &name : numerics::layoutNames()) {
    if (*numerics::lookupLayout(name) != getLayout())
      continue;
    os << "layout_" << name;
    return OpAsmAliasResult::FinalAlias;
  }
  os << "layout";
  return OpAsmAliasResult::FinalAlias;
}

const numerics::Format &StoredAttr::getStoredFormat() const {
  return getFormat().getFormat();
}

const numerics::Layout &StoredAttr::getStoredLayout() const {
  return getLayout().getLayout();
}

SmallVector<std::string> StoredAttr::getKeys() const {
  SmallVector<std::string> keys;
  for (Attribute tensor : getTensors())
    keys.push_back(cast<param::ExternalAttr>(tensor).getKey().str());
  return keys;
}

int64_t StoredAttr::getFirstRow() const {
  return getRows().empty() ? 0 : getRows()[0];
}

int64_t StoredAttr::getStoredRows(int64_t rows) const {
  return getRows().empty() ? rows : getRows()[1];
}
