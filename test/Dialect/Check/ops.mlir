// RUN: quant-opt %s --verify-roundtrip --canonicalize | FileCheck %s

// Expectations are kept although they have no result.

// CHECK-LABEL: func @expectations
func.func @expectations(%a: tensor<2x4xf32>, %b: tensor<2x4xf32>, %i: tensor<3xi32>) {
  // CHECK: check.equal %{{.*}}, %{{.*}} : tensor<2x4xf32>
  check.equal %a, %b : tensor<2x4xf32>
  // CHECK: check.equal %{{.*}}, %{{.*}} : tensor<3xi32>
  check.equal %i, %i : tensor<3xi32>
  // CHECK: check.close_ulp %{{.*}}, %{{.*}} max 2 : tensor<2x4xf32>
  check.close_ulp %a, %b max 2 : tensor<2x4xf32>
  // CHECK: check.within %{{.*}}, %{{.*}} absolute 1.000000e-03 : tensor<2x4xf32>
  check.within %a, %b absolute 1.0e-03 : tensor<2x4xf32>
  // CHECK: check.within %{{.*}}, %{{.*}} bound %{{.*}} : tensor<2x4xf32> : tensor<2x4xf32>
  check.within %a, %b bound %a : tensor<2x4xf32> : tensor<2x4xf32>
  return
}
