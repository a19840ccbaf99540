// RUN: quant-opt %s --verify-roundtrip | FileCheck %s

// CHECK: param.global @model.norm.weight : tensor<64xf32> = #param.external<"model", "model.norm.weight">
param.global @model.norm.weight : tensor<64xf32>
    = #param.external<"model", "model.norm.weight">

// A name that is no bare identifier is quoted.

// CHECK: param.global @"0.weight" : tensor<2x4xbf16> = #param.splat<1.000000e+00 : f32>
param.global @"0.weight" : tensor<2x4xbf16> = #param.splat<1.0 : f32>

// The layout is any dialect's attribute.

// CHECK: param.global @packed : tensor<4x32xf32> layout #param.external<"a", "b"> = #param.splat<0.000000e+00 : bf16>
param.global @packed : tensor<4x32xf32> layout #param.external<"a", "b">
    = #param.splat<0.0 : bf16>

// CHECK: param.global @hidden : tensor<1xf32> = #param.splat<0.000000e+00 : f32> {sym_visibility = "private"}
param.global @hidden : tensor<1xf32> = #param.splat<0.0 : f32>
    {sym_visibility = "private"}

// CHECK: param.global @rows : tensor<32x64xbf16> = #param.view<source = <"model", "qkv">, first = 64, run = 32, stride = 32>
param.global @rows : tensor<32x64xbf16>
    = #param.view<source = #param.external<"model", "qkv">, first = 64, run = 32, stride = 32>
// CHECK: param.global @columns : tensor<32x64xbf16> = #param.view<source = <"model", "fc">, first = 0, run = 8, stride = 24, transposed = true>
param.global @columns : tensor<32x64xbf16>
    = #param.view<source = #param.external<"model", "fc">, first = 0, run = 8, stride = 24, transposed = true>

// CHECK: param.global @experts : tensor<32x64xbf16> = #param.stack<"model", "experts.*.up", count = 4>
param.global @experts : tensor<32x64xbf16> = #param.stack<"model", "experts.*.up", count = 4>
// CHECK: param.global @sum : tensor<64xf32> = #param.sum<#param.external<"model", "norm.weight">, -1.000000e+00 : f32>
param.global @sum : tensor<64xf32> = #param.sum<#param.external<"model", "norm.weight">, -1.0 : f32>

// CHECK-LABEL: func @load
func.func @load() -> (tensor<64xf32>, tensor<2x4xbf16>) {
  // CHECK: param.load @model.norm.weight : tensor<64xf32>
  %norm = param.load @model.norm.weight : tensor<64xf32>
  // CHECK: param.load @"0.weight" : tensor<2x4xbf16>
  %weight = param.load @"0.weight" : tensor<2x4xbf16>
  return %norm, %weight : tensor<64xf32>, tensor<2x4xbf16>
}
