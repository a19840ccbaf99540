// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes of code generation for CPUs.

#ifndef QUERN_CODEGEN_CPU_PASSES_TD
#define QUERN_CODEGEN_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerKernelsPass : Pass<"cpu-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn kernels into functions and the model into their calls";
  let description = [{
    Replaces the model's function by `quern_forward_<isa>(step, worker)`
    (Runtime/StepABI.h), which every worker runs: it calls one function a kernel
    and meets the others at a barrier wherever a kernel touches what another one
    wrote or still reads. Kernels that agree in everything static share one
    function.

    Results get slots in the arena by their lifetimes. Slots are shared only by
    results of the same shape: the zeros that pad their rows stay zeros. The
    sizes go into the module's `qk.plan`, the list of what runs into
    `qk.kernels`.

    Weights become addresses behind the step's `weights`, at offsets that export
    provides as the array `quern_tensor_offsets`, one entry a `param.global` in
    order; the globals themselves disappear.

    Example: `test/Codegen/CPU/lower-kernels.mlir`.

    ```mlir
    func.func @forward(%tokens: tensor<?xi32>, %position: index, %rows: index, %cache: !cache)
        -> tensor<?x512xf32>
    ```

    becomes

    ```mlir
    func.func @quern_forward_avx512(%step: !llvm.ptr, %worker: i64)
    ```
  }];
  let options = [
    Option<"isa", "isa", "std::string", /*default=*/"\"avx512\"",
           "Instruction set, by the name of a CpuTarget">,
    Option<"maxChunk", "max-chunk", "int64_t", /*default=*/"512",
           "Most tokens of one step">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

#endif // QUERN_CODEGEN_CPU_PASSES_TD
