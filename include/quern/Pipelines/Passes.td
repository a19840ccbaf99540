// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes that know the order of the phases.

#ifndef QUERN_PIPELINES_PASSES_TD
#define QUERN_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyContractPass : Pass<"quant-verify-contract", "::mlir::ModuleOp"> {
  let summary = "Fail unless a module keeps the contract of a stage";
  let description = [{
    Checks what is legal between two phases: which operations, which attributes
    of weights, which encodings. Each violation is an error at its place, with a
    note that names the pass which likely was forgotten. The stages and their
    contracts are in quern/Pipelines/Contract.h.

    Changes nothing. The compiler makes the same check after every phase.

    Example:

    ```mlir
    func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %y = nn.add %x, %x : tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
    ```

    is legal in the stages `imported`, `calibrated` and `quantized`. In `packed`:

    ```
    error: 'nn.add' op expects to be one of func, param, arith.constant and
           qk.kernel, but is not legal in stage 'packed'
    note: pack-lower-to-kernels replaces it
    ```
  }];
  let options = [
    Option<"stage", "stage", "std::string", /*default=*/"\"imported\"",
           "imported, calibrated, quantized, packed or kernels">,
  ];
}

#endif // QUERN_PIPELINES_PASSES_TD
