// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize-transcode-weights{format=q8_0 rules=*keep*=q4_k})" | FileCheck %s
// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize-transcode-weights{format=q8_0 rules=*keep*=q4_k})" -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize-transcode-weights{format=q6_k re-encode=true solver=rtn})" | FileCheck %s --check-prefix=AGAIN

// REMARK-DAG: remark: 'table': iq4_nl to q8_0, exact: 16 codes by a table; scales as they are
// REMARK-DAG: remark: 'up': q4_0 to q8_0, exact: equal codes; scales as they are

// The type gets the format; the value stays the codes of the container.
// CHECK: param.global @table : tensor<64x256xf32, #q8_0> = #qk.stored<[#param.external<"model", "table">], format = #iq4_nl, layout = #layout_iq4_nl>
// AGAIN: param.global @table : tensor<64x256xf32, #q6_k> = #qt.encode<#qk.stored<[#param.external<"model", "table">], format = #iq4_nl, layout = #layout_iq4_nl>, from = f32, solver = "rtn">
param.global @table : tensor<64x256xf32, #qt.format<iq4_nl>> = #qk.stored<
    [#param.external<"model", "table">], format = #qt.format<iq4_nl>, layout = #qk.layout<iq4_nl>>
// CHECK: param.global @up : tensor<64x256xf32, #q8_0> = #qk.stored<[#param.external<"model", "up">], format = #q4_0
param.global @up : tensor<64x256xf32, #qt.format<q4_0>> = #qk.stored<
    [#param.external<"model", "up">], format = #qt.format<q4_0>, layout = #qk.layout<q4_0>>
// What decodes alike stays.
// CHECK: param.global @same : tensor<64x256xf32, #format> = #qk.stored
param.global @same : tensor<64x256xf32, #qt.format<i8 [32], scale f16>> = #qk.stored<
    [#param.external<"model", "same">], format = #qt.format<i8 [32], scale f16>, layout = #qk.layout<q8_0>>
// A rule decides.
// CHECK: param.global @keep : tensor<64x256xf32, #q4_k> = #qk.stored
param.global @keep : tensor<64x256xf32, #qt.format<q4_k>> = #qk.stored<
    [#param.external<"model", "keep">], format = #qt.format<q4_k>, layout = #qk.layout<q4_k>>
// Only weights of linears and embeddings are touched.
// CHECK: param.global @norm : tensor<256xf32> = #param.external
param.global @norm : tensor<256xf32> = #param.external<"model", "norm">
// A router keeps its numbers.
// CHECK: param.global @router : tensor<8x256xf32> = #param.external
// AGAIN: param.global @router : tensor<8x256xf32> = #param.external
param.global @router : tensor<8x256xf32> = #param.external<"model", "router">

// CHECK-LABEL: @forward
func.func @forward(%tokens: tensor<?xi32>) {
  // CHECK: param.load @table : tensor<64x256xf32, #q8_0>
  %table = param.load @table : tensor<64x256xf32, #qt.format<iq4_nl>>
  %x = nn.embedding %tokens, %table : (tensor<?xi32>, tensor<64x256xf32, #qt.format<iq4_nl>>) -> tensor<?x256xf32>
  %g = param.load @norm : tensor<256xf32>
  %h = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x256xf32>, tensor<256xf32>) -> tensor<?x256xf32>
  %up = param.load @up : tensor<64x256xf32, #qt.format<q4_0>>
  // CHECK: nn.linear %{{.*}}, %{{.*}} : (tensor<?x256xf32>, tensor<64x256xf32, #q8_0>) -> tensor<?x64xf32>
  %0 = nn.linear %h, %up : (tensor<?x256xf32>, tensor<64x256xf32, #qt.format<q4_0>>) -> tensor<?x64xf32>
  %same = param.load @same : tensor<64x256xf32, #qt.format<i8 [32], scale f16>>
  %1 = nn.linear %h, %same : (tensor<?x256xf32>, tensor<64x256xf32, #qt.format<i8 [32], scale f16>>) -> tensor<?x64xf32>
  %keep = param.load @keep : tensor<64x256xf32, #qt.format<q4_k>>
  %2 = nn.linear %h, %keep : (tensor<?x256xf32>, tensor<64x256xf32, #qt.format<q4_k>>) -> tensor<?x64xf32>
  %router = param.load @router : tensor<8x256xf32>
  %3 = nn.linear %h, %router : (tensor<?x256xf32>, tensor<8x256xf32>) -> tensor<?x8xf32>
  %4 = nn.route %3 top 2 : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}
