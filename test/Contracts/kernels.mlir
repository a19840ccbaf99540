// RUN: quant-opt %s --quant-verify-contract=stage=kernels | FileCheck %s

// Each kernel has a tile.

param.global @norm : tensor<64xf32> layout #qk.layout<tile [1, *] 256B { code{0:32} @0 col(64:32) }>
    = #param.external<"model", "norm">
param.global @w : tensor<64x64xf32, #qt.format<q4_0>> layout #qk.layout<q4_0>
    = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">

// CHECK-LABEL: func @forward
func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %g = param.load @norm : tensor<64xf32>
  %w = param.load @w : tensor<64x64xf32, #qt.format<q4_0>>
  %h = qk.kernel rms_norm(%x, %g)
      tile #qk.tile<isa = "avx2", compute = "int8", rows = 4, columns = 16> {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %q = qk.kernel quantize(%h)
      tile #qk.tile<isa = "avx2", compute = "int8", rows = 4, columns = 16> {operand_roles = ["x"]}
      : (tensor<?x64xf32>) -> tensor<?x64xf32, #qt.format<int8_g32>>
  %y = qk.kernel linear(%q, %w)
      tile #qk.tile<isa = "avx2", compute = "int8", rows = 4, columns = 16> {compute = "int8", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32, #qt.format<int8_g32>>, tensor<64x64xf32, #qt.format<q4_0>>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
