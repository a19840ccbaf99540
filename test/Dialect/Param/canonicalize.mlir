// RUN: quant-opt %s --canonicalize --cse | FileCheck %s

param.global @weight : tensor<4xf32> = #param.splat<1.0 : f32>

// A load that nothing uses goes away, the global stays.

// CHECK: param.global @weight
// CHECK-LABEL: func @dead_load
func.func @dead_load() {
  // CHECK-NEXT: return
  %w = param.load @weight : tensor<4xf32>
  return
}

// Weights never change, so that equal loads are one.

// CHECK-LABEL: func @equal_loads
func.func @equal_loads() -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK-NEXT: %[[W:.*]] = param.load @weight
  // CHECK-NEXT: return %[[W]], %[[W]]
  %a = param.load @weight : tensor<4xf32>
  %b = param.load @weight : tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}
