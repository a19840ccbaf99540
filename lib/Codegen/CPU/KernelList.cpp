// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What `forward` runs, for those who measure it: `qk.kernels`.

#include "KernelList.h"

#include "mlir/IR/Builders.h"
#include "quern/Codegen/CPU/KernelTypes.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

constexpr int64_t kNoLayer = -1;

/// The N of a weight named "….layers.N.…", as import names those of a layer.
static int64_t layerOfName(StringRef name) {
  int64_t layer = kNoLayer;
  name = name.split(".layers.").second;
  return name.consumeInteger(10, layer) ? kNoLayer : layer;
}

/// A kernel of a layer works with its weights or its cache, or on what such a
/// kernel computed.
int64_t KernelList::layerOf(qk::KernelOp kernel) {
  if (auto layer = kernel->getAttrOfType<IntegerAttr>("layer"))
    return layer.getInt();
  int64_t latest = kNoLayer;
  for (Value operand : kernel.getInputs()) {
    auto producer = layers.find(operand);
    if (producer != layers.end())
      latest = std::max(latest, producer->second);
    param::GlobalOp weight = weightOf(operand);
    // The table of rope belongs to all layers.
    if (weight && kernel.getKind() != qk::KernelKind::Rope)
      return layerOfName(weight.getSymName());
  }
  return latest;
}

static Attribute describeWeight(Builder &builder, StringRef role,
                                param::GlobalOp weight) {
  RankedTensorType type = weight.getTensorType();
  numerics::Format format = weightFormat(type);
  ArrayRef<int64_t> shape = type.getShape();
  int64_t rows = shape.size() == 2 ? shape[0] : 1, columns = shape.back();
  NamedAttrList entry;
  entry.set("role", builder.getStringAttr(role));
  entry.set("name", weight.getSymNameAttr());
  entry.set("format", builder.getStringAttr(numerics::printFormat(format)));
  entry.set("shape", builder.getDenseI64ArrayAttr(shape));
  // Kernels that do not look at the layout read numbers in dense order.
  Result<numerics::Layout> layout = panelLayout(weight);
  if (!layout)
    layout = numerics::makeDenseLayout(format, rows, columns);
  entry.set("bytes", builder.getI64IntegerAttr(
                         numerics::layoutBytes(*layout, rows, columns)));
  return entry.getDictionary(builder.getContext());
}

/// Sets reads, weights and cache.
static void describeOperands(Builder &builder, qk::KernelOp kernel,
                             NamedAttrList &entry) {
  NamedAttrList reads;
  SmallVector<Attribute> weights;
  for (auto [role, operand] :
       llvm::zip(kernel.getOperandRoles().getAsValueRange<StringAttr>(),
                 kernel.getInputs())) {
    if (param::GlobalOp weight = weightOf(operand))
      weights.push_back(describeWeight(builder, role, weight));
    else if (Result<ActivationRow> row = activationRow(operand.getType()))
      reads.set(role, builder.getI64IntegerAttr(row->stride()));
  }
  entry.set("reads", reads.getDictionary(builder.getContext()));
  entry.set("weights", builder.getArrayAttr(weights));
  Value cache = kernel.getInput("cache");
  if (!cache)
    return;
  CacheShape shape = cacheShape(cache.getType());
  auto window = kernel->getAttrOfType<IntegerAttr>("window");
  NamedAttrList facts;
  facts.set("key", builder.getI64IntegerAttr(shape.keyBytesPerToken()));
  facts.set("value", builder.getI64IntegerAttr(shape.valueBytesPerToken()));
  facts.set("window", builder.getI64IntegerAttr(window ? window.getInt() : 0));
  entry.set("cache", facts.getDictionary(builder.getContext()));
}

int64_t KernelList::append(qk::KernelOp kernel, StringRef function,
                           int64_t rowsPerToken) {
  Builder builder(kernel.getContext());
  bool isLogits = llvm::any_of(
      kernel.getInputs(), [&](Value input) { return logits.contains(input); });
  if (isLogits)
    logits.insert(kernel->result_begin(), kernel->result_end());
  NamedAttrList entry;
  auto setText = [&](StringRef name, StringRef value) {
    entry.set(name, builder.getStringAttr(value));
  };
  setText("function", function);
  setText("kind", qk::stringifyKernelKind(kernel.getKind()));
  setText("rows", isLogits ? "logits" : "tokens");
  if (rowsPerToken > 1)
    entry.set("rows_per_token", builder.getI64IntegerAttr(rowsPerToken));
  auto compute = kernel->getAttrOfType<StringAttr>("compute");
  setText("compute", compute ? compute.getValue() : "f32");
  if (qk::TileAttr tile = kernel.getTileAttr())
    entry.set("tile", builder.getDenseI64ArrayAttr(
                          {tile.getRows(), tile.getColumns()}));
  int64_t layer = layerOf(kernel);
  if (layer != kNoLayer)
    entry.set("layer", builder.getI64IntegerAttr(layer));
  describeOperands(builder, kernel, entry);
  for (Value result : kernel->getResults()) {
    layers[result] = layer;
    auto type = cast<RankedTensorType>(result.getType());
    entry.set("width", builder.getI64IntegerAttr(type.getDimSize(1)));
    if (Result<ActivationRow> row = activationRow(type))
      entry.set("writes", builder.getI64IntegerAttr(row->stride()));
  }
  entries.push_back(entry.getDictionary(builder.getContext()));
  return last();
}
