// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Attributes of the nn dialect.

#ifndef QUERN_DIALECT_NN_IR_NNATTRS_TD
#define QUERN_DIALECT_NN_IR_NNATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "quern/Dialect/NN/IR/NNBase.td"

def NN_RopeTableAttr : AttrDef<NN_Dialect, "RopeTable"> {
  let mnemonic = "rope_table";
  let summary = "Cosines and sines of rotary position embedding";
  let description = [{
    The initial value of a `param.global` of type
    `tensor<positions x 2n x f32>`, where n is the number of inverse
    frequencies: row p holds `cos(p * f_i)` for i < n, then `sin(p * f_i)`, each
    times `magnitude` (1 where it is left out). The angle is a product in
    binary32; what stands in the table is rounded once from binary64.

    Example:

    ```mlir
    #nn.rope_table<positions = 512, inverse_frequencies = [1.0, 0.1]>
    ```
  }];
  let parameters = (ins "int64_t":$positions,
                        "::mlir::DenseF32ArrayAttr":$inverse_frequencies,
                        OptionalParameter<"::mlir::FloatAttr">:$magnitude);
  let assemblyFormat = [{
    `<` struct($positions, custom<Floats>($inverse_frequencies), $magnitude) `>`
  }];
  let extraClassDeclaration = [{
    /// The magnitude, 1 if there is none.
    double getFactor() const {
      return getMagnitude() ? getMagnitude().getValueAsDouble() : 1;
    }
  }];
  let genVerifyDecl = 1;
}

#endif // QUERN_DIALECT_NN_IR_NNATTRS_TD
