// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Builds kernel bodies: pointers, loops and 16-lane arithmetic.
//
// Kernels are functions over raw pointers (!llvm.ptr) and i64 sizes. All float
// vectors have 16 lanes on every instruction set: LLVM splits them where
// registers are shorter. Arithmetic and reductions have one order, so that the
// same kernel gives the same bits on every instruction set, but for
// KernelBuilder::multiplyAdd, which is fused where the target can.

#ifndef QUERN_CODEGEN_CPU_KERNELBUILDER_H
#define QUERN_CODEGEN_CPU_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "quern/Codegen/CPU/Target.h"
#include "quern/Numerics/Format.h"
#include "llvm/ADT/ScopeExit.h"
#include <functional>

namespace quern::codegen {

/// Lanes of every vector value.
constexpr int64_t kLanes = 16;

/// Names of what code is for; the cost model adds up each.
constexpr llvm::StringLiteral kDecodePart = "decode";
constexpr llvm::StringLiteral kScalePart = "scale";

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  KernelBuilder(mlir::Location loc, mlir::ModuleOp module,
                const CpuTarget &target)
      : ImplicitLocOpBuilder(loc, module.getContext()), module(module),
        target(target) {}

  mlir::ModuleOp module;
  const CpuTarget &target;

  // Types.
  mlir::Type ptrType();
  mlir::VectorType vectorOf(mlir::Type element, int64_t lanes = kLanes);

  // Functions.
  /// Begins a private function; the insertion point moves to its body.
  mlir::func::FuncOp beginFunction(llvm::StringRef name,
                                   llvm::ArrayRef<mlir::Type> arguments);
  /// Ends it with a return and leaves the insertion point behind it.
  void endFunction();

  /// Calls `build`; locations of what it builds are named `part`.
  template <class Build> auto inPart(llvm::StringRef part, Build build) {
    mlir::Location outer = getLoc();
    auto restore = llvm::make_scope_exit([&] { setLoc(outer); });
    setLoc(mlir::NameLoc::get(getStringAttr(part)));
    return build();
  }

  // 64-bit integers.
  mlir::Value i64(int64_t x);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, i64(b)); }
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, i64(b)); }
  /// Unsigned quotient and remainder.
  mlir::Value div(mlir::Value a, int64_t b);
  mlir::Value rem(mlir::Value a, int64_t b);
  mlir::Value divCeil(mlir::Value a, int64_t b);
  mlir::Value divCeil(mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value lessEqual(mlir::Value a, mlir::Value b);
  mlir::Value equal(mlir::Value a, mlir::Value b);

  // Memory: addresses in bytes.
  mlir::Value offset(mlir::Value pointer, mlir::Value bytes);
  mlir::Value offset(mlir::Value pointer, int64_t bytes);
  mlir::Value load(mlir::Type type, mlir::Value pointer, unsigned align = 1);
  void store(mlir::Value value, mlir::Value pointer, unsigned align = 1);
  /// Asks for `bytes` bytes from `address` on, which need not exist.
  void prefetch(mlir::Value address, int64_t bytes);
  mlir::Value loadF32(mlir::Value pointer) {
    return load(getF32Type(), pointer, 4);
  }
  mlir::Value loadVector(mlir::Value pointer); ///< 16 f32
  /// The first `count` (0..16) lanes; the others are zero / not written.
  mlir::Value loadVectorPart(mlir::Value pointer, mlir::Value count);
  void storeVectorPart(mlir::Value vector, mlir::Value pointer,
                       mlir::Value count);
  mlir::Value laneMask(mlir::Value count); ///< vector<16xi1>: lane < count

  // Control flow.
  using Body = std::function<void(mlir::Value index)>;
  using Fold = std::function<llvm::SmallVector<mlir::Value>(
      mlir::Value index, mlir::ValueRange carried)>;
  void loop(mlir::Value begin, mlir::Value end, int64_t step, Body body);
  llvm::SmallVector<mlir::Value> loop(mlir::Value begin, mlir::Value end,
                                      int64_t step, mlir::ValueRange initial,
                                      Fold body);
  void ifThen(mlir::Value condition, std::function<void()> then);
  void ifThenElse(mlir::Value condition, std::function<void()> then,
                  std::function<void()> otherwise);
  /// Calls `body(i)` for the items of [0, count) that worker `worker` of
  /// `workers` owns: a contiguous range, the same for every run.
  void forShare(mlir::Value count, mlir::Value worker, mlir::Value workers,
                Body body);
  /// The range itself; boundaries are multiples of `grain`.
  std::pair<mlir::Value, mlir::Value> share(mlir::Value count,
                                            mlir::Value worker,
                                            mlir::Value workers,
                                            int64_t grain = 1);

  // Floats: scalars and vectors of 16.
  mlir::Value f32(float x);
  mlir::Value splat(float x);
  mlir::Value splatI32(int32_t x);
  mlir::Value broadcast(mlir::Value scalar); ///< f32 or i32 to 16 lanes
  mlir::Value addF(mlir::Value a, mlir::Value b);
  mlir::Value subF(mlir::Value a, mlir::Value b);
  mlir::Value mulF(mlir::Value a, mlir::Value b);
  mlir::Value divF(mlir::Value a, mlir::Value b);
  mlir::Value maxF(mlir::Value a, mlir::Value b);
  /// a * b + c: one rounding where the target has FMA, else two.
  mlir::Value multiplyAdd(mlir::Value a, mlir::Value b, mlir::Value c);
  /// a * b + c of vectors, one rounding on every target.
  mlir::Value fusedMultiplyAdd(mlir::Value a, mlir::Value b, mlir::Value c);
  /// e^x, relative error below 2^-22 on [-87.3, 88.3]; clamps outside.
  mlir::Value exp(mlir::Value x);
  /// Sum / maximum of 16 lanes by halves: (i, i+8), (i, i+4), …
  mlir::Value sumLanes(mlir::Value vector);
  mlir::Value maxLanes(mlir::Value vector);

  mlir::Value intrinsic(llvm::StringRef name, mlir::Type result,
                        mlir::ValueRange operands);
  /// Address of a constant array of floats, made once for equal contents.
  mlir::Value constantTable(llvm::ArrayRef<float> values);
  mlir::Value constantTable(llvm::ArrayRef<int32_t> values);
  /// table[index] of 16 lanes; elements are f32 or i32.
  mlir::Value gather(mlir::Value table, mlir::Value index, mlir::Type element);

private:
  mlir::Value constantData(mlir::DenseElementsAttr data);
};

/// The value class (Numerics/Values.h) that builds IR: f32 and i32 values,
/// scalar or of 16 lanes.
class VectorValues {
public:
  using F32 = mlir::Value;
  using I32 = mlir::Value;
  using Bool = mlir::Value;

  VectorValues(KernelBuilder &builder, bool scalar = false)
      : b(builder), isScalar(scalar) {}

  I32 constI32(int32_t x);
  F32 constF32(float x);
  I32 addI(I32 a, I32 b);
  I32 subI(I32 a, I32 b);
  I32 mulI(I32 a, I32 b);
  I32 andI(I32 a, I32 b);
  I32 orI(I32 a, I32 b);
  I32 xorI(I32 a, I32 b);
  I32 shiftLeft(I32 a, unsigned n);
  I32 shiftRightLogical(I32 a, unsigned n);
  I32 shiftRightArithmetic(I32 a, unsigned n);
  I32 minI(I32 a, I32 b);
  I32 maxI(I32 a, I32 b);
  F32 addF(F32 a, F32 b);
  F32 subF(F32 a, F32 b);
  F32 mulF(F32 a, F32 b);
  F32 divF(F32 a, F32 b);
  F32 fmaF(F32 a, F32 b, F32 c); ///< one rounding, in software if need be
  F32 absF(F32 a);
  F32 floorF(F32 a);
  F32 minF(F32 a, F32 b);
  F32 maxF(F32 a, F32 b);
  Bool lessI(I32 a, I32 b);
  Bool equalI(I32 a, I32 b);
  Bool lessF(F32 a, F32 b);
  Bool equalF(F32 a, F32 b);
  I32 selectI(Bool c, I32 a, I32 b);
  F32 selectF(Bool c, F32 a, F32 b);
  F32 bitcastF(I32 a);
  I32 bitcastI(F32 a);
  F32 toF32(I32 a);
  I32 roundToI32(F32 a);
  /// vcvtph2ps for f16, where the target has it.
  std::optional<F32> decodeNatively(const numerics::FloatType &type, I32 code);
  F32 lookup(const std::vector<float> &table, I32 code);

private:
  mlir::Type f32Type();
  mlir::Type i32Type();
  mlir::Value lookupInRegisters(const std::vector<float> &table, I32 code);
  mlir::Value lookupByTbl(const std::vector<float> &table, I32 code);
  mlir::Value lookupInMemory(const std::vector<float> &table, I32 code);

  KernelBuilder &b;
  bool isScalar;
};

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_KERNELBUILDER_H
