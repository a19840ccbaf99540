// RUN: quant-opt %s --split-input-file --verify-diagnostics --codegen-select-kernel

#a8 = #qt.format<i8 [1, 64], scale f32>
#fp8 = #qt.format<f8E4M3FN>

// Floats that no scale makes fill their range: there is no integer kernel.
param.global @w : tensor<16x64xf32, #fp8>
    layout #qk.layout<tile [16, 64] 1024B { code{0:8} @0 row(16:32) col(4:8, 16:512) }>
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
func.func @no_integer_kernel(%q: tensor<?x64xf32, #a8>) -> tensor<?x16xf32> {
  %w = param.load @w : tensor<16x64xf32, #fp8>
  // expected-error@below {{expects weights whose values are 8-bit integers, or scaled and of at most 8 bits, beside int8 activations, but got format f8E4M3FN}}
  %y = qk.kernel linear(%q, %w) {compute = "int8", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32, #a8>, tensor<16x64xf32, #fp8>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

#q4_0 = #qt.format<q4_0>

// Weights that nobody packed.
param.global @w : tensor<16x64xf32, #q4_0>
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
func.func @no_layout(%x: tensor<?x64xf32>) -> tensor<?x16xf32> {
  %w = param.load @w : tensor<16x64xf32, #q4_0>
  // expected-error@below {{expects weight 'w' to have a layout, but it has none; run pack-assign-layouts}}
  %y = qk.kernel linear(%x, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<16x64xf32, #q4_0>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

#q4_0 = #qt.format<q4_0>

// A layout that is right but not a panel.
param.global @w : tensor<16x64xf32, #q4_0> layout #qk.layout<q4_0>
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
func.func @other_layout(%x: tensor<?x64xf32>) -> tensor<?x16xf32> {
  %w = param.load @w : tensor<16x64xf32, #q4_0>
  // expected-error@below {{expects a panel layout that the CPU kernels read, but the codes do not lie in tiles of 16 rows}}
  %y = qk.kernel linear(%x, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<16x64xf32, #q4_0>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
