// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Everything that can reject a qk.kernel: code generation takes what is
// verified here for granted.

#include "quern/Dialect/QK/IR/QKOps.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quern::qk;

namespace {
/// What a kind of kernel takes; the table of QKOps.td.
struct KernelSignature {
  SmallVector<StringRef> roles;
  SmallVector<StringRef> attributes;
  SmallVector<StringRef> optionalRoles = {};
  SmallVector<StringRef> optionalAttributes = {};
};

/// Something that a value must be, with the words for it.
struct Expectation {
  bool holds;
  StringRef text;
};
} // namespace

static KernelSignature signatureOf(KernelKind kind) {
  switch (kind) {
  case KernelKind::Embedding:
    return {{"tokens", "table"}, {}};
  case KernelKind::RMSNorm:
    return {{"x", "weight"}, {"eps"}, {}, {"group", "unit_offset"}};
  case KernelKind::Linear:
    return {
        {"x", "w"}, {"compute"}, {"bias", "residual", "routing"}, {"softcap"}};
  case KernelKind::Rope:
    return {{"x", "table", "position"}, {"head_dim"}};
  case KernelKind::KVAppend:
    return {{"key", "value", "cache", "position"}, {"layer"}};
  case KernelKind::Attention:
    return {{"query", "cache", "position"},
            {"layer", "scale"},
            {},
            {"window", "softcap"}};
  case KernelKind::Add:
    return {{"lhs", "rhs"}, {}};
  case KernelKind::GatedActivation:
    return {{"gate", "up"}, {"activation"}};
  case KernelKind::LastRows:
    return {{"x", "rows"}, {}};
  case KernelKind::Quantize:
    return {{"x"}, {}};
  case KernelKind::Hadamard:
    return {{"x"}, {"group"}};
  case KernelKind::GatherColumns:
    return {{"x", "columns"}, {}};
  case KernelKind::ScaleColumns:
    return {{"x", "scales"}, {}};
  case KernelKind::Scale:
    return {{"x"}, {"factor"}};
  case KernelKind::Softcap:
    return {{"x"}, {"softcap"}};
  case KernelKind::LayerNorm:
    return {{"x", "weight"}, {"eps"}, {"bias"}};
  case KernelKind::Activation:
    return {{"x"}, {"activation"}};
  case KernelKind::AddPositions:
    return {{"x", "table", "position"}, {}};
  case KernelKind::Route:
    return {{"x"}, {"top"}, {}, {"normalized"}};
  case KernelKind::Dispatch:
  case KernelKind::Combine:
    return {{"x", "routing"}, {"experts"}};
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Roles, attributes, types
//===----------------------------------------------------------------------===//

/// Verifies that the roles are the required ones and then some of the optional
/// ones, in order.
static LogicalResult verifyRoles(KernelOp op,
                                 const KernelSignature &signature) {
  SmallVector<StringRef> roles(
      op.getOperandRoles().getAsValueRange<StringAttr>());
  size_t required = signature.roles.size();
  bool fits = roles.size() >= required &&
              ArrayRef(roles).take_front(required) == ArrayRef(signature.roles);
  size_t next = required;
  for (StringRef role : signature.optionalRoles)
    if (fits && next < roles.size() && roles[next] == role)
      ++next;
  if (fits && next == roles.size())
    return success();
  InFlightDiagnostic diagnostic = op.emitOpError() << "expects the roles [";
  llvm::interleaveComma(signature.roles, diagnostic);
  for (StringRef role : signature.optionalRoles)
    diagnostic << ", (" << role << ")";
  diagnostic << "] for kind " << stringifyKernelKind(op.getKind())
             << ", but got [";
  llvm::interleaveComma(roles, diagnostic);
  return diagnostic << "]";
}

/// What the attribute `name` of any kind must be.
static Expectation expectAttribute(StringRef name, Attribute value) {
  auto text = dyn_cast<StringAttr>(value);
  auto integer = dyn_cast<IntegerAttr>(value);
  auto number = dyn_cast<FloatAttr>(value);
  bool isI64 = integer && integer.getType().isInteger(64);
  if (name == "compute")
    return {text &&
                llvm::is_contained({"f32", "bf16", "int8"}, text.getValue()),
            "\"f32\", \"bf16\" or \"int8\""};
  if (name == "activation")
    return {text && llvm::is_contained({"silu", "gelu", "gelu_tanh"},
                                       text.getValue()),
            "\"silu\", \"gelu\" or \"gelu_tanh\""};
  if (name == "unit_offset" || name == "normalized")
    return {isa<UnitAttr>(value), "a unit attribute"};
  bool isF32 = number && number.getType().isF32();
  if (name == "eps" || name == "scale" || name == "factor")
    return {isF32, "an f32"};
  if (name == "softcap")
    return {isF32 && number.getValueAsDouble() > 0, "a positive f32"};
  if (name == "layer")
    return {isI64 && integer.getInt() >= 0, "an i64 that is not negative"};
  return {isI64 && integer.getInt() > 0, "a positive i64"};
}

static LogicalResult verifyAttributes(KernelOp op,
                                      const KernelSignature &signature) {
  for (StringRef name : signature.attributes)
    if (!op->hasAttr(name))
      return op.emitOpError()
             << "expects the attribute '" << name << "' for kind "
             << stringifyKernelKind(op.getKind()) << ", but got none";
  for (StringRef name : llvm::concat<const StringRef>(
           signature.attributes, signature.optionalAttributes)) {
    Attribute value = op->getAttr(name);
    if (!value)
      continue;
    Expectation expectation = expectAttribute(name, value);
    if (!expectation.holds)
      return op.emitOpError() << "expects the attribute '" << name << "' to be "
                              << expectation.text << ", but got " << value;
  }
  return success();
}

/// Whether `type` is a tensor of `rank` dimensions, all static and positive but
/// for the first where `isDynamic`.
static bool isTensor(Type type, int64_t rank, bool isDynamic) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() != rank)
    return false;
  for (auto [axis, extent] : llvm::enumerate(tensor.getShape())) {
    bool mayBeDynamic = isDynamic && axis == 0;
    if (extent <= 0 && !(mayBeDynamic && ShapedType::isDynamic(extent)))
      return false;
  }
  return true;
}

static Type elementTypeOf(Type type) {
  return cast<RankedTensorType>(type).getElementType();
}

/// What activations, rows of tokens, must be.
static Expectation expectRows(Type type) {
  return {isTensor(type, 2, true) && elementTypeOf(type).isF32(),
          "a [tokens, width] tensor of f32"};
}

/// What the operand with role `role` of any kind must be.
static Expectation expectOperand(StringRef role, Type type) {
  if (role == "position" || role == "rows")
    return {type.isIndex(), "an index"};
  if (role == "cache")
    return {type.getDialect().getNamespace() == "nn", "an !nn.kv_cache"};
  if (role == "tokens")
    return {isTensor(type, 1, true) && elementTypeOf(type).isInteger(32),
            "a [tokens] tensor of i32"};
  if (llvm::is_contained({"table", "w", "columns", "scales"}, role))
    return {isTensor(type, 2, false) && isa<FloatType>(elementTypeOf(type)),
            "a static 2D tensor of floats"};
  if (role == "weight" || role == "bias")
    return {isTensor(type, 1, false) && isa<FloatType>(elementTypeOf(type)),
            "a static 1D tensor of floats"};
  return expectRows(type);
}

static LogicalResult verifyTypes(KernelOp op) {
  for (auto [role, input] : llvm::zip(op.getOperandRoles(), op.getInputs())) {
    StringRef name = cast<StringAttr>(role).getValue();
    Expectation expectation = expectOperand(name, input.getType());
    if (!expectation.holds)
      return op.emitOpError()
             << "expects operand '" << name << "' to be " << expectation.text
             << ", but got " << input.getType();
  }
  for (Type type : op.getOutputs().getTypes())
    if (Expectation expectation = expectRows(type); !expectation.holds)
      return op.emitOpError() << "expects the result to be " << expectation.text
                              << ", but got " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

namespace {
/// The extents of a kernel's tensors, known to be there.
class KernelShapes {
public:
  explicit KernelShapes(KernelOp op) : op(op) {}

  LogicalResult verify() const;

private:
  ArrayRef<int64_t> of(StringRef role) const {
    return cast<RankedTensorType>(op.getInput(role).getType()).getShape();
  }
  ArrayRef<int64_t> ofResult() const {
    return cast<RankedTensorType>(op.getOutputs()[0].getType()).getShape();
  }
  int64_t number(StringRef name) const {
    return op->getAttrOfType<IntegerAttr>(name).getInt();
  }

  /// Verifies that `what` has the shape `expected`; `?` is a shape's own.
  LogicalResult equal(StringRef what, ArrayRef<int64_t> actual,
                      ArrayRef<int64_t> expected) const {
    if (actual == expected)
      return success();
    InFlightDiagnostic diagnostic = op.emitOpError()
                                    << "expects " << what << " of shape [";
    print(diagnostic, expected);
    diagnostic << "], but got [";
    print(diagnostic, actual);
    return diagnostic << "]";
  }

  static void print(InFlightDiagnostic &diagnostic, ArrayRef<int64_t> shape) {
    llvm::interleaveComma(shape, diagnostic, [&](int64_t extent) {
      diagnostic << (ShapedType::isDynamic(extent) ? "?"
                                                   : std::to_string(extent));
    });
  }

  LogicalResult verifyNorm() const;
  LogicalResult verifyLayerNorm() const;
  LogicalResult verifyLinear() const;
  LogicalResult verifyRope() const;
  LogicalResult verifyHadamard() const;

  mutable KernelOp op;
};
} // namespace

LogicalResult KernelShapes::verifyNorm() const {
  int64_t width = of("x")[1];
  int64_t group = op->hasAttr("group") ? number("group") : width;
  if (width % group != 0)
    return op.emitOpError() << "expects a group that divides the width "
                            << width << ", but got " << group;
  if (failed(equal("a weight", of("weight"), {group})))
    return failure();
  return equal("a result", ofResult(), of("x"));
}

LogicalResult KernelShapes::verifyLayerNorm() const {
  if (failed(equal("a weight", of("weight"), {of("x")[1]})))
    return failure();
  if (op.getInput("bias") && failed(equal("a bias", of("bias"), {of("x")[1]})))
    return failure();
  return equal("a result", ofResult(), of("x"));
}

LogicalResult KernelShapes::verifyLinear() const {
  int64_t rows = of("x")[0];
  int64_t weights = of("w")[0], columns = weights;
  if (op.getInput("routing")) {
    columns = ofResult()[1];
    if (weights % columns != 0)
      return op.emitOpError()
             << "expects a result whose columns divide the " << weights
             << " rows of all experts, but got " << columns;
  }
  if (failed(equal("an input", of("x"), {rows, of("w")[1]})) ||
      failed(equal("a result", ofResult(), {rows, columns})))
    return failure();
  if (op.getInput("bias") && failed(equal("a bias", of("bias"), {weights})))
    return failure();
  if (!op.getInput("residual"))
    return success();
  return equal("a residual", of("residual"), {rows, columns});
}

LogicalResult KernelShapes::verifyRope() const {
  int64_t headDim = number("head_dim");
  int64_t width = of("x")[1];
  if (headDim % 2 != 0 || width % headDim != 0)
    return op.emitOpError()
           << "expects an even head_dim that divides the width " << width
           << ", but got " << headDim;
  int64_t rotated = of("table")[1];
  if (rotated % 2 != 0 || rotated > headDim)
    return op.emitOpError()
           << "expects a table with an even number of columns, "
              "at most "
           << headDim << ", but got " << rotated;
  return equal("a result", ofResult(), of("x"));
}

LogicalResult KernelShapes::verifyHadamard() const {
  int64_t group = number("group"), width = of("x")[1];
  if (!llvm::isPowerOf2_64(group) || width % group != 0)
    return op.emitOpError() << "expects a group that is a power of two and "
                               "divides the width "
                            << width << ", but got " << group;
  return equal("a result", ofResult(), of("x"));
}

LogicalResult KernelShapes::verify() const {
  switch (op.getKind()) {
  case KernelKind::Embedding:
    return equal("a result", ofResult(), {of("tokens")[0], of("table")[1]});
  case KernelKind::RMSNorm:
    return verifyNorm();
  case KernelKind::Linear:
    return verifyLinear();
  case KernelKind::Rope:
    return verifyRope();
  case KernelKind::KVAppend:
    return equal("values", of("value"), of("key"));
  case KernelKind::Attention:
    return equal("a result", ofResult(), of("query"));
  case KernelKind::Add:
    if (failed(equal("an operand 'rhs'", of("rhs"), of("lhs"))))
      return failure();
    return equal("a result", ofResult(), of("lhs"));
  case KernelKind::GatedActivation:
    if (failed(equal("an operand 'up'", of("up"), of("gate"))))
      return failure();
    return equal("a result", ofResult(), of("gate"));
  case KernelKind::LastRows:
    return equal("a result", ofResult(), {ofResult()[0], of("x")[1]});
  case KernelKind::Quantize:
  case KernelKind::Scale:
  case KernelKind::Softcap:
  case KernelKind::Activation:
    return equal("a result", ofResult(), of("x"));
  case KernelKind::LayerNorm:
    return verifyLayerNorm();
  case KernelKind::Route:
    if (number("top") > of("x")[1])
      return op.emitOpError() << "expects to choose at most " << of("x")[1]
                              << " experts, but got " << number("top");
    return equal("a result", ofResult(), {of("x")[0], 2 * number("top")});
  case KernelKind::Dispatch:
  case KernelKind::Combine:
    return equal("a result", ofResult(), {ofResult()[0], of("x")[1]});
  case KernelKind::AddPositions:
    if (failed(equal("a table", of("table"), {of("table")[0], of("x")[1]})))
      return failure();
    return equal("a result", ofResult(), of("x"));
  case KernelKind::Hadamard:
    return verifyHadamard();
  case KernelKind::GatherColumns:
    if (failed(equal("columns", of("columns"), {1, of("columns")[1]})))
      return failure();
    return equal("a result", ofResult(), {of("x")[0], of("columns")[1]});
  case KernelKind::ScaleColumns:
    if (failed(equal("scales", of("scales"), {1, of("x")[1]})))
      return failure();
    return equal("a result", ofResult(), of("x"));
  }
  return success();
}

LogicalResult KernelOp::verify() {
  // kernel_c1
  if (getOperandRoles().size() != getInputs().size())
    return emitOpError() << "expects a role for each of " << getInputs().size()
                         << " operands, but got " << getOperandRoles().size();
  // kernel_c2, kernel_c3
  KernelSignature signature = signatureOf(getKind());
  if (failed(verifyRoles(*this, signature)) ||
      failed(verifyAttributes(*this, signature)))
    return failure();
  // kernel_c4
  size_t results = getKind() == KernelKind::KVAppend ? 0 : 1;
  if (getOutputs().size() != results)
    return emitOpError() << "expects " << results << " results for kind "
                         << stringifyKernelKind(getKind()) << ", but got "
                         << getOutputs().size();
  // kernel_c5
  if (failed(verifyTypes(*this)))
    return failure();
  // kernel_c6
  return KernelShapes(*this).verify();
}
