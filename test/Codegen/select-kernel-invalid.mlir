// RUN: quant-opt %s --split-input-file --verify-diagnostics --codegen-select-kernel

#a8 = #qt.format<i8 [1, 64], scale f32>
#nf4 = #qt.format<nf4>

// NF4's values are no 8-bit integers: there is no integer kernel.
param.global @w : tensor<16x64xf32, #nf4>
    layout #qk.layout<tile [16, 64] 576B { scale{0:32} @0 row(16:32); code{0:4} @512 row(16:32) col(4:8, 2:4, 8:512) }>
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
func.func @no_integer_kernel(%q: tensor<?x64xf32, #a8>) -> tensor<?x16xf32> {
  %w = param.load @w : tensor<16x64xf32, #nf4>
  // expected-error@below {{expects weights whose values are 8-bit integers beside int8 activations, but got format codebook @nf4}}
  %y = qk.kernel linear(%q, %w) {compute = "int8", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32, #a8>, tensor<16x64xf32, #nf4>) -> tensor<?x16xf32>
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
