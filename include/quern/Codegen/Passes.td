// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes of code generation that no target owns.

#ifndef QUERN_CODEGEN_PASSES_TD
#define QUERN_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseEpiloguePass : Pass<"codegen-fuse-epilogue", "::mlir::func::FuncOp"> {
  let summary = "Let a linear kernel add the residual, and cap, that follows it";
  let description = [{
    An `add` of which one operand is the only use of a linear kernel becomes
    that kernel's `residual`: the sum is formed while the product is still in
    registers, instead of being written, read and written again. In the same way
    a `softcap` of which a linear kernel's result is the only use becomes that
    kernel's attribute.

    Example:

    ```mlir
    %o = qk.kernel linear(%a, %w) {compute = "f32", operand_roles = ["x", "w"]}
        : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    %y = qk.kernel add(%x, %o) {operand_roles = ["lhs", "rhs"]}
        : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```

    becomes

    ```mlir
    %y = qk.kernel linear(%a, %w, %x)
        {compute = "f32", operand_roles = ["x", "w", "residual"]}
        : (tensor<?x64xf32>, tensor<64x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
}

def SelectKernelPass : Pass<"codegen-select-kernel", "::mlir::ModuleOp"> {
  let summary = "Choose the generated code for every kernel";
  let description = [{
    Sets the `tile` of each `qk.kernel` for one instruction set: what products
    are computed in, and how many rows and columns of the result the innermost
    loops keep in registers. Only the attribute changes; what it stands for is
    built by `cpu-lower-kernels`.

    Fails where no kernel exists: a weight without a layout that kernels read,
    int8 activations beside weights that are no integers (of more than 8 bits,
    or fractions without a scale), groups that are no multiple of four. With `explain`, a remark at each linear kernel
    names the recipe that brings its weights' codes into the product, why it was
    chosen, its cost as predicted from the code that is generated for it, and
    whether panels are decoded once for all rows.

    Example:

    ```mlir
    %y = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
        : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```

    becomes

    ```mlir
    %y = qk.kernel rms_norm(%x, %g)
        tile #qk.tile<isa = "avx512", compute = "f32", rows = 1, columns = 16>
        {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
        : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let options = [
    Option<"isa", "isa", "std::string", /*default=*/"\"avx512\"",
           "Instruction set, by the name of a CpuTarget">,
    Option<"explain", "explain", "bool", /*default=*/"false",
           "Say for each linear kernel how its weights are decoded, and why">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
    "::quern::qk::QKDialect"];
}

#endif // QUERN_CODEGEN_PASSES_TD
