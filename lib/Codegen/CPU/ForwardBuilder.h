// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds the function that runs the whole model.

#ifndef QUERN_LIB_CODEGEN_CPU_FORWARDBUILDER_H
#define QUERN_LIB_CODEGEN_CPU_FORWARDBUILDER_H

#include "BufferPlan.h"
#include "KernelList.h"
#include "quern/Codegen/CPU/KernelTypes.h"
#include "quern/Codegen/CPU/Kernels.h"
#include "llvm/ADT/StringMap.h"
#include <set>

namespace quern::codegen {

/// Builds `quern_forward_<isa>(step, worker)` from a function of kernels.
class ForwardBuilder {
public:
  ForwardBuilder(mlir::ModuleOp module, mlir::func::FuncOp source,
                 const CpuTarget &target, const BufferPlan &plan,
                 int64_t maxChunk)
      : module(module), source(source), target(target), plan(plan),
        maxChunk(maxChunk), kernels(source.getLoc(), module, target),
        b(source.getLoc(), module, target) {}

  mlir::LogicalResult build();

private:
  using Values = llvm::SmallVector<mlir::Value>;

  void begin();
  void loadStep();
  void setPlanAttribute();
  mlir::LogicalResult lower(qk::KernelOp kernel);
  mlir::LogicalResult lowerEmbedding(qk::KernelOp kernel);
  mlir::LogicalResult lowerNorm(qk::KernelOp kernel);
  mlir::LogicalResult lowerLinear(qk::KernelOp kernel);
  mlir::LogicalResult lowerRope(qk::KernelOp kernel);
  mlir::LogicalResult lowerHadamard(qk::KernelOp kernel);
  mlir::LogicalResult lowerColumns(qk::KernelOp kernel, llvm::StringRef role);
  mlir::LogicalResult lowerAppend(qk::KernelOp kernel);
  mlir::LogicalResult lowerAttention(qk::KernelOp kernel);
  void mergeAttention(const AttentionSpec &spec, const std::string &key,
                      mlir::Value output);
  mlir::LogicalResult lowerBinary(qk::KernelOp kernel);
  mlir::LogicalResult
  lowerMap(qk::KernelOp kernel, const std::string &parameter,
           llvm::function_ref<mlir::Value(mlir::Value)> apply);
  mlir::LogicalResult lowerRoute(qk::KernelOp kernel);
  mlir::LogicalResult lowerExpertRows(qk::KernelOp kernel);
  mlir::LogicalResult callRouted(qk::KernelOp kernel, const std::string &linear,
                                 const LinearSpec &spec, Values operands);
  mlir::LogicalResult lowerLayerNorm(qk::KernelOp kernel);
  mlir::LogicalResult lowerAddPositions(qk::KernelOp kernel);
  mlir::LogicalResult lowerActivation(qk::KernelOp kernel);
  mlir::LogicalResult lowerScale(qk::KernelOp kernel);
  mlir::LogicalResult lowerSoftcap(qk::KernelOp kernel);
  mlir::LogicalResult lowerQuantize(qk::KernelOp kernel);
  void lowerLastRows(qk::KernelOp kernel);

  /// The kernel function of `key`, which `emit` defines at first use.
  mlir::FailureOr<std::string>
  define(qk::KernelOp kernel, const std::string &key,
         llvm::function_ref<Status(llvm::StringRef name)> emit);
  /// Calls the kernel function of `key`.
  mlir::LogicalResult
  call(qk::KernelOp kernel, const std::string &key,
       llvm::function_ref<Status(llvm::StringRef name)> emit, Values operands);

  /// Meets the other workers if `kernel` would race with what runs since the
  /// last barrier.
  void synchronize(qk::KernelOp kernel);
  /// Emits a barrier; workers leave `forward` there once the run is cancelled.
  void meetWorkers();
  /// Tells whoever measures the step that this worker is done with `kernel`.
  void markDone(int64_t kernel);
  mlir::Value address(mlir::Value activation);
  mlir::Value rowsOf(mlir::Value activation);
  mlir::Value weightAddress(param::GlobalOp weight);
  void appendSegments(param::GlobalOp weight, Values &operands);
  CacheShape cacheShape(qk::KernelOp kernel);
  mlir::Value layerAddress(qk::KernelOp kernel, const CacheShape &shape);
  bool isReturned(mlir::Value value);
  int64_t strideOf(mlir::Value activation);
  int64_t rowsPerTokenOf(qk::KernelOp kernel);

  mlir::ModuleOp module;
  mlir::func::FuncOp source;
  const CpuTarget &target;
  const BufferPlan &plan;
  int64_t maxChunk;
  KernelBuilder kernels; ///< defines kernel functions
  KernelBuilder b;       ///< stands in the body of forward
  mlir::Block *exit = nullptr;
  llvm::StringMap<std::string> kernelNames; ///< by key
  llvm::DenseMap<mlir::Operation *, int64_t> globalIndex;
  llvm::DenseMap<mlir::Value, mlir::Value> views; ///< last_rows: address
  llvm::DenseMap<mlir::Value, mlir::Value> viewRows;
  KernelList list;
  std::set<int64_t> written, read; ///< since the last barrier
  int64_t scratchBytes = 64;       ///< private
  int64_t partialBytes = 0;        ///< shared
  int64_t scratchBytesPerToken = 0;
  int64_t cacheBytesPerToken = 0;
  mlir::Value step, worker, weights, arena, cache, scratch, tokens, logits,
      count, position, logitRows, capacity, workers, barrier, pool, mark,
      offsets;
  mlir::Value partials; ///< worker 0's scratch memory behind its private part
  mlir::arith::ConstantOp partialsOffset; ///< known when all is lowered
};

} // namespace quern::codegen

#endif // QUERN_LIB_CODEGEN_CPU_FORWARDBUILDER_H
