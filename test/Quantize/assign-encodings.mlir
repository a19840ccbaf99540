// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize-assign-encodings{format=q4_k rules=*down*=q8_0,embedding:*=q6_k,linear:*.norm2d*=bf16})" | FileCheck %s
// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize-assign-encodings{format=q4_k rules=*down*=q8_0,embedding:*=q6_k,linear:*.norm2d*=bf16})" -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize-assign-encodings{format='i3 [1, 64], scale f16' solver=mse fallback=f16})" | FileCheck %s --check-prefix=TEXT
// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize-assign-encodings)" | FileCheck %s --check-prefix=NONE

// REMARK: remark: 'narrow': q4_k expects columns divisible by 256 (one 'scale.scale' a block), but got 64; takes q4_0
// REMARK: remark: 'odd': q4_k expects columns divisible by 32 (one 'scale' a block), but got 44; takes f16
// REMARK: remark: 'arrived': stored as q8_0; decoded and coded again as q4_k

// CHECK-DAG: #q4_k = #qt.format<u4 [1, 32], scale (u6 [1, 8], scale f16), min (u6 [1, 8], scale f16)>
// CHECK-DAG: #q8_0 = #qt.format<i8 [1, 32], scale f16, round away exact>
// TEXT: #int3_g64 = #qt.format<i3 [1, 64], scale f16>

// The embedding rule and the default; the value says what to code and how.
// CHECK: param.global @embed : tensor<8x256xbf16, #q6_k> = #qt.encode<#param.external<"model", "embed">, from = bf16, solver = "rtn">
// NONE: param.global @embed : tensor<8x256xbf16> = #param.external
param.global @embed : tensor<8x256xbf16> = #param.external<"model", "embed">
// CHECK: param.global @up : tensor<64x256xf32, #q4_k> = #qt.encode<#param.external<"model", "up">, from = f32, solver = "rtn">
// TEXT: param.global @up : tensor<64x256xf32, #int3_g64> = #qt.encode<#param.external<"model", "up">, from = f32, solver = "mse">
param.global @up : tensor<64x256xf32> = #param.external<"model", "up">
// CHECK: param.global @down : tensor<256x64xf32, #q8_0>
param.global @down : tensor<256x64xf32> = #param.external<"model", "down">
// Rows that the blocks do not divide take a fallback of no fewer bits.
// CHECK: param.global @narrow : tensor<256x64xf32, #q4_0>
param.global @narrow : tensor<256x64xf32> = #param.external<"model", "narrow">
// CHECK: param.global @odd : tensor<256x44xf32, #f16>
// TEXT: param.global @odd : tensor<256x44xf32, #f16>
param.global @odd : tensor<256x44xf32> = #param.external<"model", "odd">
// What is bf16 already stays as it is.
// CHECK: param.global @a.norm2d : tensor<256x64xbf16> = #param.external
param.global @a.norm2d : tensor<256x64xbf16> = #param.external<"model", "a.norm2d">
// What arrived encoded stays so, unless another format is asked for: then its
// numbers are coded again.
// CHECK: param.global @arrived : tensor<64x256xf16, #q4_k> = #qt.encode<#qk.stored<[#param.external<"model", "arrived">], format = #q8_0, layout = #layout_q8_0>, from = f32, solver = "rtn">
// NONE: param.global @arrived : tensor<64x256xf16, #q8_0> = #qk.stored
param.global @arrived : tensor<64x256xf16, #qt.format<q8_0>> = #qk.stored<
    [#param.external<"model", "arrived">], format = #qt.format<q8_0>, layout = #qk.layout<q8_0>>
// CHECK: param.global @down.arrived : tensor<64x256xf32, #q8_0> = #qk.stored
param.global @down.arrived : tensor<64x256xf32, #qt.format<q8_0>> = #qk.stored<
    [#param.external<"model", "arrived">], format = #qt.format<q8_0>, layout = #qk.layout<q8_0>>
// To be plain again, a weight needs no code.
// CHECK: param.global @plain.norm2d : tensor<64x256xbf16> = #qk.stored
param.global @plain.norm2d : tensor<64x256xbf16, #qt.format<q8_0>> = #qk.stored<
    [#param.external<"model", "arrived">], format = #qt.format<q8_0>, layout = #qk.layout<q8_0>>
// Only weights of linears and embeddings are touched.
// CHECK: param.global @norm : tensor<256xf32> = #param.external
param.global @norm : tensor<256xf32> = #param.external<"model", "norm">

// A router keeps its numbers.
// CHECK: param.global @router : tensor<8x256xf32> = #param.external
param.global @router : tensor<8x256xf32> = #param.external<"model", "router">

// CHECK-LABEL: @forward
func.func @forward(%tokens: tensor<?xi32>, %y: tensor<?x64xf32>, %z: tensor<?x44xf32>) {
  // CHECK: param.load @embed : tensor<8x256xbf16, #q6_k>
  %e = param.load @embed : tensor<8x256xbf16>
  %x = nn.embedding %tokens, %e : (tensor<?xi32>, tensor<8x256xbf16>) -> tensor<?x256xf32>
  %g = param.load @norm : tensor<256xf32>
  %h = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x256xf32>, tensor<256xf32>) -> tensor<?x256xf32>
  %up = param.load @up : tensor<64x256xf32>
  // CHECK: nn.linear %{{.*}}, %{{.*}} : (tensor<?x256xf32>, tensor<64x256xf32, #q4_k>) -> tensor<?x64xf32>
  %0 = nn.linear %h, %up : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  %down = param.load @down : tensor<256x64xf32>
  %1 = nn.linear %y, %down : (tensor<?x64xf32>, tensor<256x64xf32>) -> tensor<?x256xf32>
  %narrow = param.load @narrow : tensor<256x64xf32>
  %2 = nn.linear %y, %narrow : (tensor<?x64xf32>, tensor<256x64xf32>) -> tensor<?x256xf32>
  %odd = param.load @odd : tensor<256x44xf32>
  %3 = nn.linear %z, %odd : (tensor<?x44xf32>, tensor<256x44xf32>) -> tensor<?x256xf32>
  %same = param.load @a.norm2d : tensor<256x64xbf16>
  %4 = nn.linear %y, %same : (tensor<?x64xf32>, tensor<256x64xbf16>) -> tensor<?x256xf32>
  %arrived = param.load @arrived : tensor<64x256xf16, #qt.format<q8_0>>
  %5 = nn.linear %h, %arrived : (tensor<?x256xf32>, tensor<64x256xf16, #qt.format<q8_0>>) -> tensor<?x64xf32>
  %kept = param.load @down.arrived : tensor<64x256xf32, #qt.format<q8_0>>
  %6 = nn.linear %h, %kept : (tensor<?x256xf32>, tensor<64x256xf32, #qt.format<q8_0>>) -> tensor<?x64xf32>
  %plain = param.load @plain.norm2d : tensor<64x256xbf16, #qt.format<q8_0>>
  %7 = nn.linear %h, %plain : (tensor<?x256xf32>, tensor<64x256xbf16, #qt.format<q8_0>>) -> tensor<?x64xf32>
  %router = param.load @router : tensor<8x256xf32>
  %8 = nn.linear %h, %router : (tensor<?x256xf32>, tensor<8x256xf32>) -> tensor<?x8xf32>
  %9 = nn.route %8 top 2 : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}
