// RUN: %python %S/Inputs/write_weights.py %t.safetensors
// RUN: quant-translate --interpret %s --weights %t.safetensors
// RUN: not quant-translate --interpret %s --entry load_external 2>&1 | FileCheck %s --check-prefix=SCOPE
// RUN: not quant-translate --interpret %s --weights %t.safetensors --entry load_absent 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not quant-translate --interpret %s --weights %t.safetensors --entry load_misshapen 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: not quant-translate --interpret %s --entry load_solver 2>&1 | FileCheck %s --check-prefix=SOLVER
// RUN: not quant-translate --interpret %s --weights %t.safetensors --entry load_misaligned 2>&1 | FileCheck %s --check-prefix=MISALIGNED

param.global @external : tensor<2x2xbf16> = #param.external<"model", "w">
param.global @absent : tensor<2x2xf32> = #param.external<"model", "v">
param.global @misshapen : tensor<4x1xbf16> = #param.external<"model", "w">
param.global @splat : tensor<1x2xbf16> = #param.splat<1.00390625 : f32>
param.global @table : tensor<2x4xf32> = #nn.rope_table<positions = 2, inverse_frequencies = [0.0, 3.14159274]>
param.global @coded : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>>
    = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">
param.global @aligned : tensor<2x2xbf16, #qt.format<i4 [1, 1], scale f32>>
    = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn", flat = #qt.format<i4 [3] flat, scale f32>>
param.global @misaligned : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>>
    = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn", flat = #qt.format<i4 [3] flat, scale f32>>
param.global @searched : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>>
    = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "mse">
param.global @solver : tensor<1x2xf32, #qt.format<i4 [1, 2], scale f32>>
    = #qt.encode<#param.splat<1.0 : f32>, from = f32, solver = "magic">

// SCOPE: error: 'param.load' op weight 'external': expects weights for the scope 'model', but got none
func.func @load_external() {
  %w = param.load @external : tensor<2x2xbf16>
  %expected = arith.constant dense<[[7.0, 3.25], [-0.875, 0.0]]> : tensor<2x2xbf16>
  check.equal %w, %expected : tensor<2x2xbf16>
  return
}

// ABSENT: error: 'param.load' op weight 'absent': {{.*}}.safetensors: {{.*}}v
func.func private @load_absent() {
  %w = param.load @absent : tensor<2x2xf32>
  return
}

// SHAPE: error: 'param.load' op weight 'misshapen': {{.*}}expects the shape of tensor<4x1xbf16>, but got [2, 2]
func.func private @load_misshapen() {
  %w = param.load @misshapen : tensor<4x1xbf16>
  return
}

// A splat is rounded to the element type: halfway between two bf16 goes to even.
func.func @load_splat() {
  %w = param.load @splat : tensor<1x2xbf16>
  %expected = arith.constant dense<1.0> : tensor<1x2xbf16>
  check.equal %w, %expected : tensor<1x2xbf16>
  return
}

// Cosines, then sines, of 0 and of position * pi.
func.func @load_table() {
  %t = param.load @table : tensor<2x4xf32>
  %expected = arith.constant dense<[[1.0, 1.0, 0.0, 0.0], [1.0, -1.0, 0.0, 0.0]]> : tensor<2x4xf32>
  check.within %t, %expected absolute 1.0e-07 : tensor<2x4xf32>
  return
}

// The scale 1 for three elements, of two rows.
func.func @load_aligned() {
  %q = param.load @aligned : tensor<2x2xbf16, #qt.format<i4 [1, 1], scale f32>>
  %w = qt.dequantize %q : tensor<2x2xbf16, #qt.format<i4 [1, 1], scale f32>> to tensor<2x2xbf16>
  %expected = arith.constant dense<[[7.0, 3.0], [-1.0, 0.0]]> : tensor<2x2xbf16>
  check.equal %w, %expected : tensor<2x2xbf16>
  return
}

// MISALIGNED: error: 'param.load' op weight 'misaligned': expects an exact transcoding from i4 [1, 3] flat, scale f32 to i4 [1, 2], scale f32, but got one that is bounded: one scale for [1, 2] in place of one scale for [1, 3] flat; error at most
func.func private @load_misaligned() {
  %q = param.load @misaligned : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>>
  return
}

// Scales 1 and 0.125.
func.func @load_coded() {
  %q = param.load @coded : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>>
  %w = qt.dequantize %q : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>> to tensor<2x2xbf16>
  %expected = arith.constant dense<[[7.0, 3.0], [-0.875, 0.0]]> : tensor<2x2xbf16>
  check.equal %w, %expected : tensor<2x2xbf16>
  return
}

// A search does at least as well as the rule's error of 0.25.
func.func @load_searched() {
  %q = param.load @searched : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>>
  %w = qt.dequantize %q : tensor<2x2xbf16, #qt.format<i4 [1, 2], scale f32>> to tensor<2x2xbf16>
  %expected = arith.constant dense<[[7.0, 3.25], [-0.875, 0.0]]> : tensor<2x2xbf16>
  check.within %w, %expected absolute 0.25 : tensor<2x2xbf16>
  return
}

// SOLVER: error: 'param.load' op weight 'solver': expects solver 'rtn' or 'mse', but got 'magic'
func.func private @load_solver() {
  %q = param.load @solver : tensor<1x2xf32, #qt.format<i4 [1, 2], scale f32>>
  return
}
