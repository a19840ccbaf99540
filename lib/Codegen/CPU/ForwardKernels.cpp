// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The call of each kind of kernel.

#include "ForwardBuilder.h"
#include "KernelFacts.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "quern/Codegen/CPU/MathFunctions.h"
#include "quern/Dialect/QT/IR/QTAttrs.h"

using namespace mlir;
using namespace quern;
using namespace quern::codegen;

/// Logits lie densely, all other rows of f32 as ActivationRow says.
int64_t ForwardBuilder::strideOf(Value activation) {
  int64_t width = widthOf(activation);
  return isReturned(activation)
             ? 4 * width
             : ActivationRow{ActivationRow::Kind::F32, width, 0}.stride();
}

LogicalResult ForwardBuilder::lower(qk::KernelOp kernel) {
  switch (kernel.getKind()) {
  case qk::KernelKind::Embedding:
    return lowerEmbedding(kernel);
  case qk::KernelKind::RMSNorm:
    return lowerNorm(kernel);
  case qk::KernelKind::Linear:
    return lowerLinear(kernel);
  case qk::KernelKind::Rope:
    return lowerRope(kernel);
  case qk::KernelKind::KVAppend:
    return lowerAppend(kernel);
  case qk::KernelKind::Attention:
    return lowerAttention(kernel);
  case qk::KernelKind::Add:
  case qk::KernelKind::GatedActivation:
    return lowerBinary(kernel);
  case qk::KernelKind::Quantize:
    return lowerQuantize(kernel);
  case qk::KernelKind::Hadamard:
    return lowerHadamard(kernel);
  case qk::KernelKind::GatherColumns:
    return lowerColumns(kernel, "columns");
  case qk::KernelKind::ScaleColumns:
    return lowerColumns(kernel, "scales");
  case qk::KernelKind::Route:
    return lowerRoute(kernel);
  case qk::KernelKind::Dispatch:
  case qk::KernelKind::Combine:
    return lowerExpertRows(kernel);
  case qk::KernelKind::LayerNorm:
    return lowerLayerNorm(kernel);
  case qk::KernelKind::AddPositions:
    return lowerAddPositions(kernel);
  case qk::KernelKind::Activation:
    return lowerActivation(kernel);
  case qk::KernelKind::Scale:
    return lowerScale(kernel);
  case qk::KernelKind::Softcap:
    return lowerSoftcap(kernel);
  case qk::KernelKind::LastRows:
    lowerLastRows(kernel);
    return success();
  }
  return kernel.emitOpError() << "expects a kind that the CPU has a kernel for";
}

LogicalResult ForwardBuilder::lowerEmbedding(qk::KernelOp kernel) {
  param::GlobalOp table = weightOf(kernel.getInput("table"));
  Result<numerics::Layout> layout = panelLayout(table);
  if (!layout)
    return kernel.emitOpError() << layout.status().message();
  numerics::Format format = weightFormat(table.getTensorType());
  Value result = kernel->getResult(0);
  Values operands = {tokens, address(result), count, worker, workers};
  appendSegments(table, operands);
  return call(
      kernel,
      keyOf("embedding", numerics::printFormat(format),
            numerics::printLayout(*layout), widthOf(result)),
      [&](StringRef name) {
        return emitEmbeddingKernel(kernels, name, format, *layout,
                                   widthOf(result));
      },
      operands);
}

LogicalResult ForwardBuilder::lowerNorm(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  NormSpec spec;
  spec.width = widthOf(x);
  spec.group = integerOr(kernel, "group", spec.width);
  spec.eps = floatOr(kernel, "eps", 0);
  spec.unitOffset = kernel->hasAttr("unit_offset");
  viewRows[y] = rowsOf(x);
  return call(kernel, keyOf("rms_norm", spec.key()),
              [&](StringRef name) {
                emitRmsNormKernel(kernels, name, spec);
                return Status::ok();
              },
              {address(x), address(y),
               weightAddress(weightOf(kernel.getInput("weight"))), rowsOf(x),
               worker, workers});
}

LogicalResult ForwardBuilder::lowerLayerNorm(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  int64_t width = widthOf(x);
  float eps = floatOr(kernel, "eps", 0);
  Value weight = weightAddress(weightOf(kernel.getInput("weight")));
  Value bias = kernel.getInput("bias");
  viewRows[y] = rowsOf(x);
  return call(kernel, keyOf("layer_norm", width, eps, bool(bias)),
              [&](StringRef name) {
                emitLayerNormKernel(kernels, name, width, eps, bool(bias));
                return Status::ok();
              },
              {address(x), address(y), weight,
               bias ? weightAddress(weightOf(bias)) : weight, rowsOf(x), worker,
               workers});
}

LogicalResult ForwardBuilder::lowerAddPositions(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  int64_t width = widthOf(x);
  return call(kernel, keyOf("add_positions", width),
              [&](StringRef name) {
                emitAddPositionsKernel(kernels, name, width);
                return Status::ok();
              },
              {address(x), address(y),
               weightAddress(weightOf(kernel.getInput("table"))), count,
               position, worker, workers});
}

LogicalResult ForwardBuilder::lowerLinear(qk::KernelOp kernel) {
  Result<LinearSpec> spec = linearSpec(kernel);
  if (!spec)
    return kernel.emitOpError() << spec.status().message();
  if (!kernel.getTileAttr())
    return kernel.emitOpError() << "expects a tile; run codegen-select-kernel";
  spec->tileRows = kernel.getTileAttr().getRows();
  spec->tilePanels = kernel.getTileAttr().getColumns() / kPanelRows;
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  if (isReturned(y) && spec->hasResidual)
    spec->residualStride = strideOf(kernel.getInput("residual"));
  Value none = arena; // of an operand that the kernel does not read
  Value bias = none, residual = none;
  if (spec->hasBias)
    bias = weightAddress(weightOf(kernel.getInput("bias")));
  if (spec->hasResidual)
    residual = address(kernel.getInput("residual"));
  viewRows[y] = rowsOf(x);
  Value routing = kernel.getInput("routing");
  Values operands = {address(x),
                     address(y),
                     b.i64(strideOf(y)),
                     bias,
                     residual,
                     rowsOf(routing ? routing : x),
                     b.i64(widthOf(y)),
                     worker,
                     workers};
  appendSegments(weightOf(kernel.getInput("w")), operands);
  std::string key =
      keyOf("linear", numerics::printFormat(spec->weight),
            numerics::printLayout(spec->layout), spec->input.key(),
            spec->roundToBf16, spec->hasBias, spec->hasResidual,
            spec->residualStride, spec->softcap, spec->hasFirstPanel);
  auto emit = [&](StringRef name) {
    return emitLinearKernel(kernels, name, *spec);
  };
  if (!routing)
    return call(kernel, key, emit, operands);
  FailureOr<std::string> linear = define(kernel, key, emit);
  if (failed(linear))
    return failure();
  return callRouted(kernel, *linear, *spec, operands);
}

LogicalResult ForwardBuilder::lowerRope(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  int64_t width = widthOf(x), headDim = integerOr(kernel, "head_dim", width);
  int64_t rotated = widthOf(kernel.getInput("table"));
  return call(kernel, keyOf("rope", width, headDim, rotated),
              [&](StringRef name) {
                emitRopeKernel(kernels, name, width, headDim, rotated);
                return Status::ok();
              },
              {address(x), address(y),
               weightAddress(weightOf(kernel.getInput("table"))), count,
               position, worker, workers});
}

LogicalResult ForwardBuilder::lowerHadamard(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  int64_t width = widthOf(x), group = integerOr(kernel, "group", width);
  viewRows[y] = rowsOf(x);
  return call(kernel, keyOf("hadamard", width, group),
              [&](StringRef name) {
                emitHadamardKernel(kernels, name, width, group);
                return Status::ok();
              },
              {address(x), address(y), rowsOf(x), worker, workers});
}

/// gather_columns and scale_columns, which read one row of codes, the operand
/// called `role`.
LogicalResult ForwardBuilder::lowerColumns(qk::KernelOp kernel,
                                           StringRef role) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  param::GlobalOp row = weightOf(kernel.getInput(role));
  Result<numerics::Layout> layout = panelLayout(row);
  if (!layout)
    return kernel.emitOpError() << layout.status().message();
  numerics::Format format = weightFormat(row.getTensorType());
  int64_t from = widthOf(x), width = widthOf(y);
  if (*layout !=
      numerics::makeDenseLayout(format, 1, row.getTensorType().getDimSize(1)))
    return kernel.emitOpError()
           << "expects '" << role << "' in dense order, but got "
           << numerics::printLayout(*layout);
  viewRows[y] = rowsOf(x);
  return call(
      kernel, keyOf(role, numerics::printFormat(format), from, width),
      [&](StringRef name) {
        return role == "columns"
                   ? emitGatherColumnsKernel(kernels, name, format, from, width)
                   : emitScaleColumnsKernel(kernels, name, format, width);
      },
      {address(x), address(y), weightAddress(row), rowsOf(x), worker, workers});
}

LogicalResult ForwardBuilder::lowerAppend(qk::KernelOp kernel) {
  CacheShape shape = cacheShape(kernel);
  scratchBytes = std::max(scratchBytes, appendScratchBytes(shape));
  return call(
      kernel, keyOf("kv_append", numerics::printFormat(shape.format)),
      [&](StringRef name) { return emitKvAppendKernel(kernels, name, shape); },
      {address(kernel.getInput("key")), address(kernel.getInput("value")),
       layerAddress(kernel, shape), scratch, count, position, capacity, worker,
       workers});
}

LogicalResult ForwardBuilder::lowerAttention(qk::KernelOp kernel) {
  AttentionSpec spec;
  spec.cache = cacheShape(kernel);
  Value query = kernel.getInput("query");
  spec.queryHeads = widthOf(query) / spec.cache.headDim;
  spec.scale = floatOr(kernel, "scale", 1);
  spec.window = integerOr(kernel, "window", 0);
  spec.softcap = floatOr(kernel, "softcap", 0);
  scratchBytes = std::max(scratchBytes, spec.scratchBytes());
  partialBytes = std::max(partialBytes, spec.partialBytes());
  scratchBytesPerToken =
      std::max(scratchBytesPerToken, spec.partialBytesPerToken());
  std::string key =
      keyOf("attention", numerics::printFormat(spec.cache.format),
            spec.queryHeads, spec.scale, spec.window, spec.softcap);
  Value output = address(kernel->getResult(0));
  if (failed(call(kernel, key,
                  [&](StringRef name) {
                    emitAttentionKernel(kernels, name, spec);
                    return Status::ok();
                  },
                  {address(query), output, layerAddress(kernel, spec.cache),
                   scratch, partials, count, position, capacity, worker,
                   workers})))
    return failure();
  mergeAttention(spec, key, output);
  return success();
}

/// After the attention kernel of `key`: adds up what it may have left in parts.
void ForwardBuilder::mergeAttention(const AttentionSpec &spec,
                                    const std::string &key, Value output) {
  std::string &name = kernelNames["merge|" + key];
  if (name.empty()) {
    name = "attention_merge_" + std::to_string(kernelNames.size());
    emitAttentionMergeKernel(kernels, name, spec);
  }
  Block *merge = new Block, *next = new Block;
  for (Block *block : {merge, next})
    exit->getParent()->getBlocks().insert(exit->getIterator(), block);
  Value isSplit = isAttentionSplit(b, spec, count, position);
  cf::CondBranchOp::create(b, isSplit, merge, next);
  b.setInsertionPointToStart(merge);
  meetWorkers();
  func::CallOp::create(b, name, TypeRange{},
                       Values{output, partials, position, worker, workers});
  markDone(list.last()); // still the attention's time
  cf::BranchOp::create(b, next);
  b.setInsertionPointToStart(next);
}

LogicalResult ForwardBuilder::lowerBinary(qk::KernelOp kernel) {
  bool isAdd = kernel.getKind() == qk::KernelKind::Add;
  Value x = kernel.getInputs()[0], y = kernel.getInputs()[1];
  int64_t width = widthOf(x);
  StringRef activation = isAdd ? "" : stringOf(kernel, "activation");
  viewRows[kernel->getResult(0)] = rowsOf(x);
  return call(kernel, keyOf("binary", activation, width),
              [&](StringRef name) {
                isAdd ? emitAddKernel(kernels, name, width)
                      : emitGatedKernel(kernels, name, activation, width);
                return Status::ok();
              },
              {address(x), address(y), address(kernel->getResult(0)), rowsOf(x),
               worker, workers});
}

/// Kinds that apply a function of one number; `parameter` is what of the
/// kernel it depends on.
LogicalResult ForwardBuilder::lowerMap(qk::KernelOp kernel,
                                       const std::string &parameter,
                                       function_ref<Value(Value)> apply) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  viewRows[y] = rowsOf(x);
  return call(
      kernel,
      keyOf(qk::stringifyKernelKind(kernel.getKind()), parameter, widthOf(x)),
      [&](StringRef name) {
        emitMapKernel(kernels, name, widthOf(x), apply);
        return Status::ok();
      },
      {address(x), address(y), b.i64(strideOf(y)), rowsOf(x), worker, workers});
}

LogicalResult ForwardBuilder::lowerActivation(qk::KernelOp kernel) {
  StringRef activation = stringOf(kernel, "activation");
  return lowerMap(kernel, activation.str(), [&](Value x) {
    return applyActivation(kernels, activation, x);
  });
}

LogicalResult ForwardBuilder::lowerScale(qk::KernelOp kernel) {
  float factor = floatOr(kernel, "factor", 1);
  return lowerMap(kernel, keyOf(factor), [&](Value x) {
    return kernels.mulF(x, kernels.splat(factor));
  });
}

LogicalResult ForwardBuilder::lowerSoftcap(qk::KernelOp kernel) {
  float cap = floatOr(kernel, "softcap", 1);
  return lowerMap(kernel, keyOf(cap),
                  [&](Value x) { return applySoftcap(kernels, x, cap); });
}

LogicalResult ForwardBuilder::lowerQuantize(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  Result<ActivationRow> row = activationRow(y.getType());
  if (!row)
    return kernel.emitOpError() << row.status().message();
  const numerics::Format &format = qt::getFormatAttr(y.getType()).getFormat();
  viewRows[y] = rowsOf(x);
  return call(kernel,
              keyOf("quantize", numerics::printFormat(format), row->key()),
              [&](StringRef name) {
                return emitQuantizeKernel(kernels, name, format, *row);
              },
              {address(x), address(y), rowsOf(x), worker, workers});
}

void ForwardBuilder::lowerLastRows(qk::KernelOp kernel) {
  Value x = kernel.getInput("x"), y = kernel->getResult(0);
  int64_t stride =
      ActivationRow{ActivationRow::Kind::F32, widthOf(x), 0}.stride();
  Value skipped = b.sub(rowsOf(x), logitRows);
  views[y] = b.offset(address(x), b.mul(skipped, stride));
  viewRows[y] = logitRows;
  list.beginLogits(y);
}
