// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file quantize-expand-column-transforms: make the column transforms of
// weights operations.

#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "quern/Dialect/NN/IR/NNOps.h"
#include "quern/Dialect/Param/IR/ParamOps.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"
#include "quern/Dialect/QT/IR/QTDialect.h"
#include "quern/Quantize/Passes.h"
#include <map>

namespace quern::quantize {
#define GEN_PASS_DEF_EXPANDCOLUMNTRANSFORMSPASS
#include "quern/Quantize/Passes.h.inc"
} // namespace quern::quantize

using namespace quern;
using numerics::ColumnKind;
using numerics::ColumnPart;
using numerics::ColumnRole;

namespace {
/// Transformed activations: by what they were and what was done to them, the
/// name of a weight or a group of columns.
using Shared =
    llvm::DenseMap<std::pair<mlir::Value, mlir::Attribute>, mlir::Value>;

/// Rewrites what reads one weight.
class WeightExpander {
public:
  WeightExpander(param::GlobalOp weight, mlir::SymbolTable &symbols,
                 Shared &shared)
      : weight(weight), symbols(symbols), shared(shared),
        weightValue(weight.getValue()), type(weight.getTensorType()),
        encode(llvm::dyn_cast<qt::EncodeAttr>(weight.getValue())),
        format(qt::getFormatAttr(type).getFormat()),
        context(weight.getContext()) {}

  void expand(nn::LinearOp linear);
  void expand(nn::EmbeddingOp embedding);
  /// To be called when nothing reads the weight any more.
  void takeOffTransforms();

private:
  mlir::RankedTensorType typeOf(ColumnPart part) const;
  mlir::Attribute valueOf(ColumnPart part) const;
  param::GlobalOp globalOf(ColumnPart part);
  mlir::Value load(mlir::OpBuilder &builder, ColumnPart part);
  mlir::Value gather(mlir::OpBuilder &builder, mlir::Value x, ColumnPart part);
  mlir::Value transform(mlir::Value x, size_t link, bool isBackward);
  mlir::Value multiplyApart(nn::LinearOp linear, mlir::Value x, size_t link);
  mlir::Value lookUpApart(nn::EmbeddingOp embedding, size_t link);

  param::GlobalOp weight;
  mlir::SymbolTable &symbols;
  Shared &shared;
  mlir::Attribute weightValue;
  mlir::RankedTensorType type; ///< with the transforms
  qt::EncodeAttr encode;       ///< null: a container holds the codes
  const numerics::Format &format;
  mlir::MLIRContext *context;
  std::map<std::string, param::GlobalOp> parts; ///< made so far
};
} // namespace

static mlir::RankedTensorType withWidth(mlir::Value x, int64_t width) {
  auto type = llvm::cast<mlir::RankedTensorType>(x.getType());
  return mlir::RankedTensorType::get({type.getDimSize(0), width},
                                     type.getElementType());
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

mlir::RankedTensorType WeightExpander::typeOf(ColumnPart part) const {
  numerics::BlockShape shape = numerics::columnPartShape(
      format, part, type.getDimSize(0), type.getDimSize(1));
  bool isMatrix = part.role == ColumnRole::Matrix;
  return mlir::RankedTensorType::get(
      {shape.rows, shape.cols},
      isMatrix ? type.getElementType() : mlir::Float32Type::get(context),
      qt::FormatAttr::get(context, numerics::columnPartFormat(format, part)));
}

mlir::Attribute WeightExpander::valueOf(ColumnPart part) const {
  auto name =
      mlir::StringAttr::get(context, numerics::columnPartName(format, part));
  mlir::Type float32 = mlir::Float32Type::get(context);
  auto source = qt::PartAttr::get(
      context, encode ? encode.getSource() : weightValue,
      mlir::RankedTensorType::get(type.getShape(),
                                  encode ? encode.getFrom() : float32,
                                  type.getEncoding()),
      name);
  bool isMatrix = part.role == ColumnRole::Matrix;
  if (!encode && isMatrix) // its codes are there
    return source;
  // Numbers of columns and scales are what they are: nothing is searched.
  bool isSolved = isMatrix || part.role == ColumnRole::Apart;
  return qt::EncodeAttr::get(context, source, float32,
                             isSolved ? encode.getSolver()
                                      : mlir::StringAttr::get(context, "rtn"));
}

/// The global of a part; of the matrix it is the weight itself.
param::GlobalOp WeightExpander::globalOf(ColumnPart part) {
  if (part.role == ColumnRole::Matrix)
    return weight;
  std::string name =
      weight.getSymName().str() + "." + numerics::columnPartName(format, part);
  param::GlobalOp &global = parts[name];
  if (global)
    return global;
  mlir::OpBuilder builder(context);
  global = param::GlobalOp::create(
      builder, weight.getLoc(), builder.getStringAttr(name),
      mlir::TypeAttr::get(typeOf(part)), /*layout=*/nullptr, valueOf(part),
      /*sym_visibility=*/nullptr);
  symbols.insert(global, std::next(weight->getIterator()));
  return global;
}

mlir::Value WeightExpander::load(mlir::OpBuilder &builder, ColumnPart part) {
  return param::LoadOp::create(builder, weight.getLoc(), typeOf(part),
                               globalOf(part).getSymName());
}

void WeightExpander::takeOffTransforms() {
  weight.setType(typeOf(ColumnPart()));
  weight.setValueAttr(valueOf(ColumnPart()));
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

mlir::Value WeightExpander::gather(mlir::OpBuilder &builder, mlir::Value x,
                                   ColumnPart part) {
  mlir::Value columns = load(builder, part);
  int64_t width = typeOf(part).getDimSize(1);
  return nn::GatherColumnsOp::create(builder, weight.getLoc(),
                                     withWidth(x, width), x, columns);
}

/// `x` under one transform: transposed, for the input of a product, or as it
/// is, for rows of the weight (`isBackward`).
mlir::Value WeightExpander::transform(mlir::Value x, size_t link,
                                      bool isBackward) {
  const numerics::ColumnTransform &transform = format.columns[link];
  mlir::OpBuilder builder(context);
  builder.setInsertionPointAfterValue(x);
  ColumnRole role = isBackward ? ColumnRole::Inverse : ColumnRole::Order;
  if (transform.kind == ColumnKind::Scaled)
    role = ColumnRole::Scale;
  else if (transform.kind == ColumnKind::Apart)
    role = ColumnRole::Rest;
  mlir::Attribute key = builder.getI64IntegerAttr(transform.count);
  if (transform.kind != ColumnKind::Rotated)
    key = globalOf({role, link}).getSymNameAttr();
  mlir::Value &result = shared[{x, key}];
  if (result)
    return result;
  if (transform.kind == ColumnKind::Rotated)
    result = nn::HadamardOp::create(builder, weight.getLoc(), x.getType(), x,
                                    builder.getI64IntegerAttr(transform.count));
  else if (transform.kind == ColumnKind::Scaled)
    result = nn::ScaleColumnsOp::create(builder, weight.getLoc(), x.getType(),
                                        x, load(builder, {role, link}));
  else
    result = gather(builder, x, {role, link});
  return result;
}

/// The product of the columns of `x` that link `link` keeps apart.
mlir::Value WeightExpander::multiplyApart(nn::LinearOp linear, mlir::Value x,
                                          size_t link) {
  mlir::OpBuilder builder(linear);
  mlir::Value columns = gather(builder, x, {ColumnRole::Column, link});
  mlir::Value apart = load(builder, {ColumnRole::Apart, link});
  return nn::LinearOp::create(builder, linear.getLoc(), linear.getType(),
                              columns, apart, /*bias=*/nullptr,
                              linear.getRouting(), linear.getCompute());
}

/// The columns that link `link` keeps apart in their places, else zeros.
mlir::Value WeightExpander::lookUpApart(nn::EmbeddingOp embedding,
                                        size_t link) {
  mlir::OpBuilder builder(embedding);
  mlir::Value table = load(builder, {ColumnRole::Apart, link});
  mlir::Value rows =
      nn::EmbeddingOp::create(builder, embedding.getLoc(),
                              withWidth(embedding, format.columns[link].count),
                              embedding.getTokens(), table);
  return gather(builder, rows, {ColumnRole::Place, link});
}

/// Adds `addends` to the result of `linear`: if that is added to something,
/// then to this first, so that each sum is the residual of a product.
static void addToResult(nn::LinearOp linear,
                        llvm::ArrayRef<mlir::Value> addends) {
  mlir::Value result = linear;
  mlir::Type type = result.getType();
  auto sum = result.hasOneUse()
                 ? llvm::dyn_cast<nn::AddOp>(*result.user_begin())
                 : nn::AddOp();
  mlir::OpBuilder builder(linear->getContext());
  for (mlir::Value addend : addends) {
    if (sum) {
      builder.setInsertionPoint(sum);
      bool isLeft = sum.getLhs() == linear;
      mlir::OpOperand &other =
          isLeft ? sum.getRhsMutable() : sum.getLhsMutable();
      other.set(nn::AddOp::create(builder, linear.getLoc(), type, other.get(),
                                  addend));
      continue;
    }
    builder.setInsertionPointAfterValue(result);
    auto added =
        nn::AddOp::create(builder, linear.getLoc(), type, addend, result);
    result.replaceAllUsesExcept(added, added);
    result = added;
  }
}

void WeightExpander::expand(nn::LinearOp linear) {
  mlir::Value x = linear.getInput();
  llvm::SmallVector<mlir::Value> addends;
  // The last transform of the weight is the first of the activations.
  for (size_t link = format.columns.size(); link-- > 0;) {
    if (format.columns[link].kind == ColumnKind::Apart)
      addends.push_back(multiplyApart(linear, x, link));
    x = transform(x, link, /*isBackward=*/false);
  }
  mlir::OpBuilder builder(linear);
  linear.getInputMutable().assign(x);
  linear.getWeightMutable().assign(load(builder, ColumnPart()));
  addToResult(linear, addends);
}

void WeightExpander::expand(nn::EmbeddingOp embedding) {
  mlir::OpBuilder builder(embedding);
  mlir::Value rows = nn::EmbeddingOp::create(
      builder, embedding.getLoc(), embedding.getType(), embedding.getTokens(),
      load(builder, ColumnPart()));
  for (size_t link = 0; link < format.columns.size(); ++link) {
    bool isApart = format.columns[link].kind == ColumnKind::Apart;
    mlir::Value apart = isApart ? lookUpApart(embedding, link) : nullptr;
    rows = transform(rows, link, /*isBackward=*/true);
    if (isApart)
      rows = nn::AddOp::create(builder, embedding.getLoc(), rows.getType(),
                               rows, apart);
  }
  embedding.replaceAllUsesWith(rows);
  embedding.erase();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static bool hasTransforms(param::GlobalOp global) {
  qt::FormatAttr format = qt::getFormatAttr(global.getTensorType());
  return format && !format.getFormat().columns.empty();
}

static mlir::LogicalResult checkReader(mlir::OpOperand &use) {
  mlir::Operation *reader = use.getOwner();
  if (auto linear = llvm::dyn_cast<nn::LinearOp>(reader))
    if (linear.getInput().getType().getEncoding())
      return linear.emitOpError()
             << "expects an input without an encoding, since its weight has "
                "column transforms, but got "
             << linear.getInput().getType();
  if (llvm::isa<nn::LinearOp, nn::EmbeddingOp>(reader))
    return mlir::success();
  return reader->emitOpError()
         << "expects a weight without column transforms, but got "
         << use.get().getType();
}

namespace {
struct ExpandColumnTransforms
    : public quantize::impl::ExpandColumnTransformsPassBase<
          ExpandColumnTransforms> {
  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    mlir::SymbolTable symbols(module);
    llvm::DenseMap<mlir::Operation *, llvm::SmallVector<param::LoadOp>> loads;
    module.walk([&](param::LoadOp load) {
      loads[symbols.lookup(load.getGlobal())].push_back(load);
    });
    Shared shared;
    for (auto global : llvm::to_vector(module.getOps<param::GlobalOp>()))
      if (hasTransforms(global) &&
          mlir::failed(expand(global, loads[global], symbols, shared)))
        return signalPassFailure();
  }

private:
  static mlir::LogicalResult expand(param::GlobalOp global,
                                    llvm::ArrayRef<param::LoadOp> loads,
                                    mlir::SymbolTable &symbols,
                                    Shared &shared) {
    // Others that know which types they fit are codes that a container holds.
    if (!llvm::isa<qt::EncodeAttr, param::VerifiableInitialValue>(
            global.getValue()))
      return global.emitOpError() << "expects #qt.encode or #qk.stored as the "
                                     "value of a weight with "
                                     "column transforms, but got "
                                  << global.getValue();
    WeightExpander expander(global, symbols, shared);
    for (param::LoadOp load : loads) {
      for (mlir::OpOperand &use :
           llvm::make_early_inc_range(load.getResult().getUses())) {
        if (mlir::failed(checkReader(use)))
          return mlir::failure();
        if (auto linear = llvm::dyn_cast<nn::LinearOp>(use.getOwner()))
          expander.expand(linear);
        else
          expander.expand(llvm::cast<nn::EmbeddingOp>(use.getOwner()));
      }
      load.erase();
    }
    expander.takeOffTransforms();
    return mlir::success();
  }
};
} // namespace
