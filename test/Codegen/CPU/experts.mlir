// RUN: quant-opt %s --split-input-file --verify-diagnostics --codegen-select-kernel=isa=avx2 --cpu-lower-kernels=isa=avx2 | FileCheck %s

// What is dispatched has two rows for each token, in memory too; the product is
// one call that calls a linear kernel for each expert.

#panel = #qk.layout<tile [16, 64] 4096B { code{0:32} @0 row(16:32) col(64:512) }>

param.global @"model.layers.0.mlp.gate.weight" : tensor<4x64xf32> layout #panel = #param.external<"model", "g">
param.global @"model.layers.0.mlp.experts.up_proj.weight" : tensor<64x64xf32> layout #panel = #param.external<"model", "u">

// CHECK:      module attributes {
// CHECK-SAME: kind = "route"
// CHECK-SAME: kind = "dispatch"
// CHECK-SAME: {compute = "f32", function = "[[$UP:linear_[0-9]+]]", kind = "linear", layer = 0 : i64, reads = {routing = 256 : i64, x = 256 : i64}, rows = "tokens", rows_per_token = 2 : i64,
// CHECK-SAME: kind = "combine"
// Slots of 256 bytes for each of 512 tokens: one each of the embedding, scores,
// routing and sum, two each of the dispatched rows and their products.
// CHECK-SAME: qk.plan = {arena_bytes = 1048576 : i64,

// CHECK-LABEL: func.func @quern_forward_avx2(
// CHECK: call @[[$UP]](
// CHECK: func.func private @[[LINEAR:linear_5]](
// CHECK: func.func private @[[$UP]](
// CHECK: scf.for
// CHECK: func.call @[[LINEAR]](
func.func @forward(%tokens: tensor<?xi32>, %position: index, %rows: index, %x: tensor<?x64xf32>) -> tensor<?x16xf32> {
  %g = param.load @"model.layers.0.mlp.gate.weight" : tensor<4x64xf32>
  %u = param.load @"model.layers.0.mlp.experts.up_proj.weight" : tensor<64x64xf32>
  %e = qk.kernel embedding(%tokens, %u) {operand_roles = ["tokens", "table"]}
      : (tensor<?xi32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %l = qk.kernel linear(%e, %g) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<4x64xf32>) -> tensor<?x4xf32>
  %r = qk.kernel route(%l) {top = 2 : i64, operand_roles = ["x"]}
      : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %d = qk.kernel dispatch(%e, %r) {experts = 4 : i64, operand_roles = ["x", "routing"]}
      : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x64xf32>
  %y = qk.kernel linear(%d, %u, %r) {compute = "f32", operand_roles = ["x", "w", "routing"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>, tensor<?x4xf32>) -> tensor<?x16xf32>
  %c = qk.kernel combine(%y, %r) {experts = 4 : i64, operand_roles = ["x", "routing"]}
      : (tensor<?x16xf32>, tensor<?x4xf32>) -> tensor<?x16xf32>
  %s = qk.kernel add(%c, %c) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  return %s : tensor<?x16xf32>
}

// -----

#panel = #qk.layout<tile [16, 64] 4096B { code{0:32} @0 row(16:32) col(64:512) }>
param.global @experts : tensor<72x64xf32> layout #panel = #param.external<"model", "u">

func.func @forward(%tokens: tensor<?xi32>, %position: index, %rows: index, %x: tensor<?x64xf32>) -> tensor<?x24xf32> {
  %u = param.load @experts : tensor<72x64xf32>
  %d = qk.kernel embedding(%tokens, %u) {operand_roles = ["tokens", "table"]}
      : (tensor<?xi32>, tensor<72x64xf32>) -> tensor<?x64xf32>
  %r = qk.kernel route(%d) {top = 2 : i64, operand_roles = ["x"]}
      : (tensor<?x64xf32>) -> tensor<?x4xf32>
  // expected-error@below {{'qk.kernel' op expects experts whose rows are a multiple of 16, but got 24}}
  %y = qk.kernel linear(%d, %u, %r) {compute = "f32", operand_roles = ["x", "w", "routing"]}
      : (tensor<?x64xf32>, tensor<72x64xf32>, tensor<?x4xf32>) -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
