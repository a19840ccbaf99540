// RUN: quant-opt %s --quant-verify-contract=stage=quantized | FileCheck %s
// RUN: not quant-opt %s --quant-verify-contract=stage=packed 2>&1 | FileCheck %s --check-prefix=PACKED
// RUN: not quant-opt %s --quant-verify-contract=stage=done 2>&1 | FileCheck %s --check-prefix=STAGE

// The contracts themselves are tested in test/Contracts.

// CHECK-LABEL: func @forward
// PACKED: error: 'nn.add' op in stage 'packed' expects func, param, arith.constant or qk.kernel, but got nn.add
// PACKED: note: pack-lower-to-kernels replaces it
// STAGE: error: expects stage 'imported', 'calibrated', 'quantized', 'packed' or 'kernels', but got 'done'
func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = nn.add %x, %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
