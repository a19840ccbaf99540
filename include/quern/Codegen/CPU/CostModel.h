// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How many cycles generated code takes, predicted from its IR.
//
// What a recipe costs is what the code costs that the generator emits for it.
// So the model reads that code: it follows loops and calls with the sizes it is
// given, splits 16-lane operations into the target's registers, and adds up how
// long each kind of unit is busy. Code that is bound by one kind of unit takes
// as long as that one is busy; latency, the scalar instructions of addresses
// and what registers do not hold are left out.

#ifndef QUERN_CODEGEN_CPU_COSTMODEL_H
#define QUERN_CODEGEN_CPU_COSTMODEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "quern/Codegen/CPU/Target.h"
#include "llvm/ADT/ArrayRef.h"

namespace quern::codegen {

/// Cycles that the units of a core are busy, each kind on its own.
struct Cycles {
  double vector = 0; ///< arithmetic and shuffles
  double load = 0;
  double store = 0;

  double total() const { return std::max(vector, std::max(load, store)); }
  Cycles &operator+=(const Cycles &o) {
    vector += o.vector, load += o.load, store += o.store;
    return *this;
  }
  Cycles operator*(double n) const { return {vector * n, load * n, store * n}; }
};

/// Cycles by what they are for: the part that KernelBuilder::inPart named.
struct KernelCost {
  Cycles decode;  ///< codes to the operands of products
  Cycles scale;   ///< scales out of their codes, and applied to sums
  Cycles product; ///< and everything else
  Cycles all() const;
};

/// Cycles for one register of a target; a 16-lane operation takes several
/// where registers are shorter. Of a kind of unit that a core has twice, an
/// operation keeps half a cycle busy.
struct OperationCosts {
  int64_t registerBits;
  double simple;   ///< integer addition, logic, comparison
  double shift;    ///< by one count for all lanes
  double multiply; ///< 32-bit integers
  double select;   ///< of two lanes by a third
  double floats;   ///< addition, product, or both fused
  double divide;
  double convert; ///< between types, of the same or other width
  double shuffle; ///< a register's bytes or lanes, from one or two registers
  double dot;     ///< byte or bfloat16 products by one instruction
  double gather;  ///< of 16 words, whatever the registers: in `load`
  double gatherVector; ///< the same, in `vector`
  double load;         ///< also of one number to all lanes
  double store;
};

/// Of a core that has the instruction set; where it was measured is said in
/// docs/Targets.md.
const OperationCosts &operationCosts(const CpuTarget &target);

/// Cycles of a call of `function`. `arguments`: its integers, in order; what
/// depends on others is taken as 0. Merges equal operations first, as the
/// lowering does.
KernelCost predictCost(mlir::func::FuncOp function,
                       llvm::ArrayRef<int64_t> arguments,
                       const OperationCosts &costs);

} // namespace quern::codegen

#endif // QUERN_CODEGEN_CPU_COSTMODEL_H
