// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Operations that break each rule of utils/check-td.py once.

include "mlir/IR/OpBase.td"

def Bad_Dialect : Dialect {
  let name = "bad";
  let cppNamespace = "::bad";
}

class Bad_Op<string mnemonic> : Op<Bad_Dialect, mnemonic, []> {
  let assemblyFormat = "attr-dict";
}

def Bad_Good : Bad_Op<"good"> {
  let summary = "Do as the others should";
  let description = [{
    Lifespan: none.

    Constraints:
    - (C1) Nothing. /*good_c1*/

    ```mlir
    bad.good
    ```
  }];
}

def Bad_Silent : Bad_Op<"silent">;

def Bad_Case : Bad_Op<"case"> {
  let summary = "does something";
  let description = [{
    Lifespan: none.

    Constraints:
    - (C1) Nothing. /*case_c1*/
  }];
}

def Bad_Period : Op<Bad_Dialect, "period"> {
  let summary = "Do something.";
  let description = [{
    Constraints:
    - (C2) Nothing.

    ```mlir
    bad.period
    ```
  }];
}
