// RUN: quant-opt %s --codegen-select-kernel=isa=avx512 | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: quant-opt %s --codegen-select-kernel=isa=avx2 | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: quant-opt %s --codegen-select-kernel=isa=portable | FileCheck %s --check-prefixes=CHECK,BASE
// RUN: not quant-opt %s --codegen-select-kernel=isa=mmx 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: expects isa to be avx512bf16, avx512, {{.*}}, but got 'mmx'

#q4_0 = #qt.format<q4_0>
#a8 = #qt.format<i8 [1, 32], scale f32>
#panel = #qk.layout<tile [16, 32] 288B { scale{0:16} @0 row(16:16); code{0:4} @256 row(16:32) col(4:8, 2:4, 4:512) flip }>

param.global @w : tensor<64x64xf32, #q4_0> layout #panel
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">

// CHECK-LABEL: func @tiles
func.func @tiles(%x: tensor<?x64xf32>, %q: tensor<?x64xf32, #a8>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %w = param.load @w : tensor<64x64xf32, #q4_0>
  // Products in the type of the activations, in the registers there are.
  // CHECK: qk.kernel linear
  // WIDE-SAME: tile <isa = "avx512", compute = "f32", rows = 8, columns = 32>
  // AVX2-SAME: tile <isa = "avx2", compute = "f32", rows = 4, columns = 16>
  // BASE-SAME: tile <isa = "portable", compute = "f32", rows = 2, columns = 16>
  %y = qk.kernel linear(%x, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32, #q4_0>) -> tensor<?x64xf32>
  // CHECK: qk.kernel linear
  // WIDE-SAME: compute = "int8"
  %z = qk.kernel linear(%q, %w) {compute = "int8", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32, #a8>, tensor<64x64xf32, #q4_0>) -> tensor<?x64xf32>
  // CHECK: qk.kernel add
  // WIDE-SAME: tile <isa = "avx512", compute = "f32", rows = 1, columns = 16>
  %s = qk.kernel add(%y, %z) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y, %s : tensor<?x64xf32>, tensor<?x64xf32>
}
