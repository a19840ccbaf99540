// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A dialect with one op, outside Quern's tree.

#ifndef DEMO_OPS_TD
#define DEMO_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Demo_Dialect : Dialect {
  let name = "demo";
  let cppNamespace = "::demo";
  let summary = "An example of a dialect in a plugin";
}

def Demo_DoubleOp : Op<Demo_Dialect, "double",
    [Pure, AllTypesMatch<["input", "result"]> /*double_c1*/]> {
  let summary = "Double a tensor";
  let description = [{
    `result[m, i] = 2 * input[m, i]`.

    Lifespan: `demo-find-doubles` makes it; nothing lowers it.

    Constraints:
    - (C1) `input` and `result` have the same type.

    Example:

    ```mlir
    %y = demo.double %x : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

#endif // DEMO_OPS_TD
