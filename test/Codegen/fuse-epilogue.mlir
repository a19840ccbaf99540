// RUN: quant-opt %s --codegen-fuse-epilogue | FileCheck %s

// The residual becomes an operand of the product, on whichever side it stood.

// CHECK-LABEL: func @residual
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[A:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor<64x64xf32>
func.func @residual(%x: tensor<?x64xf32>, %a: tensor<?x64xf32>, %w: tensor<64x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK: %[[Y:.*]] = qk.kernel linear(%[[A]], %[[W]], %[[X]])
  // CHECK-SAME: compute = "f32"
  // CHECK-SAME: operand_roles = ["x", "w", "residual"]
  %o = qk.kernel linear(%a, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %y = qk.kernel add(%x, %o) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: %[[Z:.*]] = qk.kernel linear(%[[A]], %[[W]], %[[Y]])
  %p = qk.kernel linear(%a, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %z = qk.kernel add(%p, %y) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK-NOT: add
  // CHECK: return %[[Y]], %[[Z]]
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// A product that something else reads too stays as it is.

// CHECK-LABEL: func @two_uses
func.func @two_uses(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK: qk.kernel linear
  // CHECK: qk.kernel add
  %o = qk.kernel linear(%x, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %y = qk.kernel add(%x, %o) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %o, %y : tensor<?x64xf32>, tensor<?x64xf32>
}

// A cap becomes the product's attribute, after the residual; a residual behind a
// cap stays outside.

// CHECK-LABEL: func @softcap
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[A:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor<64x64xf32>
func.func @softcap(%x: tensor<?x64xf32>, %a: tensor<?x64xf32>, %w: tensor<64x64xf32>)
    -> tensor<?x64xf32> {
  // CHECK: %[[Y:.*]] = qk.kernel linear(%[[A]], %[[W]], %[[X]])
  // CHECK-SAME: softcap = 3.000000e+01 : f32
  // CHECK: %[[Z:.*]] = qk.kernel add(%[[X]], %[[Y]])
  // CHECK: return %[[Z]]
  %o = qk.kernel linear(%a, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %s = qk.kernel add(%x, %o) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %y = qk.kernel softcap(%s) {softcap = 30.0 : f32, operand_roles = ["x"]}
      : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %z = qk.kernel add(%x, %y) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}
