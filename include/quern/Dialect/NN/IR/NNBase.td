// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The nn dialect: which operation?

#ifndef QUERN_DIALECT_NN_IR_NNBASE_TD
#define QUERN_DIALECT_NN_IR_NNBASE_TD

include "mlir/IR/OpBase.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::quern::nn";
  let summary = "The operations of a language model that quantization must recognise";
  let description = [{
    The `nn` dialect is a small closed set. Activations are `[tokens, width]`
    tensors of f32; a weight keeps the element type of its file, or an encoding
    (`#qt.format`), and means "decode, then compute in f32".

    A module carries the numbers of its model in the attribute `nn.model`, a
    dictionary with the string `architecture` and the positive integers
    `vocabulary`, `context`, `hidden`, `layers`, `heads`, `kv_heads`, `head_dim`
    and `intermediate`; other entries are free, such as `rope_base`, what the
    frequencies of rotary positions are powers of.

    Constraints of `nn.model`:
    - (C1) It is a dictionary on a module.
    - (C2) It has each of the entries above, of that type.
    - (C3) `heads` is a multiple of `kv_heads`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Name of the module attribute with the numbers of the model.
    static constexpr ::llvm::StringLiteral getModelAttrName() {
      return ::llvm::StringLiteral("nn.model");
    }

    void registerAttributes();
    void registerTypes();
  }];
}

#endif // QUERN_DIALECT_NN_IR_NNBASE_TD
