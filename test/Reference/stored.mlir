// RUN: %python %S/Inputs/write_weights.py %t.safetensors
// RUN: quant-translate --interpret %s --weights %t.safetensors
// RUN: not quant-translate --interpret %s --weights %t.safetensors --entry load_short 2>&1 | FileCheck %s --check-prefix=SHORT
// RUN: not quant-translate --interpret %s --weights %t.safetensors --entry load_infinite 2>&1 | FileCheck %s --check-prefix=INFINITE
// RUN: not quant-translate --interpret %s --weights %t.safetensors --entry load_bad_groups 2>&1 | FileCheck %s --check-prefix=GROUPS

#half = #qt.format<i4 [1, 2], scale f16>
#rows = #qk.layout<tile [1, 2] 1B { code @0 col(2:4) } + tile [1, 2] 2B { scale @0 }>

param.global @coded : tensor<2x2xf32, #half> = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">],
    format = #half, layout = #rows>
param.global @numbers : tensor<2x2xf32> = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">],
    format = #half, layout = #rows>
param.global @again : tensor<2x2xf32, #qt.format<i8 [1, 1], scale f32>> = #qt.encode<#qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">],
    format = #half, layout = #rows>, from = f32, solver = "rtn">
param.global @aligned : tensor<2x2xf32, #qt.format<i4 [1, 1], scale f16>> = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">],
    format = #qt.format<i4 [1, 3] flat, scale f16>,
    layout = #qk.layout<tile [1, 2] flat 1B { code @0 col(2:4) } + tile [1, 3] flat 2B { scale @0 }>>
param.global @short : tensor<2x4xf32, #half> = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">],
    format = #half, layout = #rows>
param.global @infinite : tensor<2x2xf32, #half> = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "infinite">],
    format = #half, layout = #rows>

#nested = #qt.format<i4 [1, 2], scale (u8 [*, *], scale f32), columns ordered>
#matrix = #qt.format<i4 [1, 2], scale (u8 [*, *], scale f32)>
#wide = #qk.layout<tile [1, 4] 2B { code @0 col(4:4) } + tile [1, 4] 2B { scale @0 col(2:8) } + tile [*, *] 4B { scale.scale @0 }>
#codes = #qk.stored<
    [#param.external<"model", "wide_codes">, #param.external<"model", "wide_scales">,
     #param.splat<0.5 : f32>, #param.external<"model", "groups">],
    format = #nested, layout = #wide>
param.global @ordered : tensor<2x4xf32> = #codes
param.global @sorted : tensor<2x4xf32, #matrix> = #qt.part<#codes, of = tensor<2x4xf32, #nested>, part = "matrix">
param.global @order : tensor<1x4xf32> = #qt.part<#codes, of = tensor<2x4xf32, #nested>, part = "order">
param.global @bad_groups : tensor<2x4xf32> = #qk.stored<
    [#param.external<"model", "wide_codes">, #param.external<"model", "wide_scales">,
     #param.splat<0.5 : f32>, #param.external<"model", "bad_groups">],
    format = #nested, layout = #wide>

// The codes are 1, -8, 7, -1 and 2, 3, 4, 5, the scales 0.5, 1 and 1.5, 2, of
// columns 1 and 3 the first.
func.func @load_ordered() {
  %w = param.load @ordered : tensor<2x4xf32>
  %expected = arith.constant dense<[[1.0, -4.0, 7.0, -0.5], [4.0, 4.5, 8.0, 7.5]]> : tensor<2x4xf32>
  check.equal %w, %expected : tensor<2x4xf32>
  return
}

func.func @load_sorted() {
  %w = param.load @sorted : tensor<2x4xf32, #matrix>
  %x = qt.dequantize %w : tensor<2x4xf32, #matrix> to tensor<2x4xf32>
  %expected = arith.constant dense<[[-4.0, -0.5, 1.0, 7.0], [4.5, 7.5, 4.0, 8.0]]> : tensor<2x4xf32>
  check.equal %x, %expected : tensor<2x4xf32>
  return
}

func.func @load_order() {
  %w = param.load @order : tensor<1x4xf32>
  %expected = arith.constant dense<[[1.0, 3.0, 0.0, 2.0]]> : tensor<1x4xf32>
  check.equal %w, %expected : tensor<1x4xf32>
  return
}

// GROUPS: error: 'param.load' op weight 'bad_groups': wide_codes, wide_scales, bad_groups: expects 2 columns in each group, but got 1 in group 0
func.func private @load_bad_groups() {
  %w = param.load @bad_groups : tensor<2x4xf32>
  return
}

// The codes are 1, -8 and 7, -1, the scales 0.5 and 2.
func.func @load_coded() {
  %w = param.load @coded : tensor<2x2xf32, #half>
  %x = qt.dequantize %w : tensor<2x2xf32, #half> to tensor<2x2xf32>
  %expected = arith.constant dense<[[0.5, -4.0], [14.0, -2.0]]> : tensor<2x2xf32>
  check.equal %x, %expected : tensor<2x2xf32>
  return
}

func.func @load_numbers() {
  %w = param.load @numbers : tensor<2x2xf32>
  %expected = arith.constant dense<[[0.5, -4.0], [14.0, -2.0]]> : tensor<2x2xf32>
  check.equal %w, %expected : tensor<2x2xf32>
  return
}

func.func @load_again() {
  %w = param.load @again : tensor<2x2xf32, #qt.format<i8 [1, 1], scale f32>>
  %x = qt.dequantize %w : tensor<2x2xf32, #qt.format<i8 [1, 1], scale f32>> to tensor<2x2xf32>
  %expected = arith.constant dense<[[0.5, -4.0], [14.0, -2.0]]> : tensor<2x2xf32>
  check.equal %x, %expected : tensor<2x2xf32>
  return
}

// A block of three: the first scale is that of the third element, too.
func.func @load_aligned() {
  %w = param.load @aligned : tensor<2x2xf32, #qt.format<i4 [1, 1], scale f16>>
  %x = qt.dequantize %w : tensor<2x2xf32, #qt.format<i4 [1, 1], scale f16>> to tensor<2x2xf32>
  %expected = arith.constant dense<[[0.5, -4.0], [3.5, -2.0]]> : tensor<2x2xf32>
  check.equal %x, %expected : tensor<2x2xf32>
  return
}

// SHORT: error: 'param.load' op weight 'short': codes, scales: segment 0: expects 4 bytes, but got 2
func.func private @load_short() {
  %w = param.load @short : tensor<2x4xf32, #half>
  return
}

// INFINITE: error: 'param.load' op weight 'infinite': codes, infinite: expects finite values, but got infinity in plane 'scale' for row 1, columns 0 to 1
func.func private @load_infinite() {
  %w = param.load @infinite : tensor<2x2xf32, #half>
  return
}
