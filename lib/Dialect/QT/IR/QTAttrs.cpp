// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the qt dialect: text in, text out, aliases.

#include "quern/Dialect/QT/IR/QTAttrs.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quern;
using namespace quern::qt;

#define GET_ATTRDEF_CLASSES
#include "quern/Dialect/QT/IR/QTAttrs.cpp.inc"

void QTDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "quern/Dialect/QT/IR/QTAttrs.cpp.inc"
      >();
}

FormatAttr quern::qt::getFormatAttr(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_if_present<FormatAttr>(tensor.getEncoding())
                : FormatAttr();
}

StringRef FormatAttr::getText() const { return getImpl()->ref.getText(); }

Attribute FormatAttr::parse(AsmParser &parser, Type) {
  // Only the dialect's attribute parser comes here, and it hands over the whole
  // text: no operation binds this attribute in its assembly format. The MLIR
  // parser has already found the matching >, so that the text needs no lexing.
  StringRef spec = static_cast<DialectAsmParser &>(parser).getFullSymbolSpec();
  size_t open = spec.find('<');
  if (open == StringRef::npos) {
    parser.emitError(parser.getCurrentLocation())
        << "expects '<' and a format after #qt.format";
    return {};
  }
  StringRef text = spec.slice(open + 1, spec.rfind('>')).trim();
  auto &dialect = *parser.getContext()->getLoadedDialect<QTDialect>();
  size_t errorOffset = 0;
  Result<numerics::Format> format =
      dialect.getFormats().resolve(text.str(), &errorOffset);
  if (!format) {
    parser.emitError(SMLoc::getFromPointer(text.data() + errorOffset))
        << format.status().message();
    return {};
  }
  return FormatAttr::get(parser.getContext(), *format);
}

void FormatAttr::print(AsmPrinter &printer) const {
  printer << "<" << getText() << ">";
}

OpAsmAliasResult FormatAttr::getAlias(llvm::raw_ostream &os) const {
  auto &dialect = *getContext()->getLoadedDialect<QTDialect>();
  std::string name = dialect.getFormats().nameOf(getFormat());
  os << (name.empty() ? "format" : name);
  return OpAsmAliasResult::FinalAlias;
}

const numerics::Format &PartAttr::getFormat() const {
  return getFormatAttr(getOf()).getFormat();
}

numerics::ColumnPart PartAttr::getColumnPart() const {
  return *numerics::lookupColumnPart(getFormat(), getPart().str());
}
