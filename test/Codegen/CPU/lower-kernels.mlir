// RUN: quant-opt %s --codegen-select-kernel=isa=avx2 "--cpu-lower-kernels=isa=avx2 max-chunk=32" | FileCheck %s

#panel = #qk.layout<tile [16, 64] 4096B { code{0:32} @0 row(16:32) col(64:512) }>
#row = #qk.layout<tile [1, *] 256B { code{0:32} @0 col(64:32) }>

param.global @g : tensor<64xf32> layout #row = #param.external<"model", "g">
param.global @w : tensor<64x64xf32> layout #panel = #param.external<"model", "w">

// CHECK: qk.plan = {arena_bytes = 24576 : i64
// CHECK-SAME: max_chunk = 32 : i64
// CHECK: llvm.mlir.global external constant @quern_tensor_offsets() {{.*}} : !llvm.array<2 x i64>

// Two norms of one shape share a function; so do two products.

// CHECK-LABEL: func.func @quern_forward_avx2(%{{.*}}: !llvm.ptr, %{{.*}}: i64)
func.func @forward(%x0: tensor<?xi32>) -> tensor<?x64xf32> {
  %w = param.load @w : tensor<64x64xf32>
  %g = param.load @g : tensor<64xf32>
  // CHECK: call @embedding_1
  %x = qk.kernel embedding(%x0, %w) {operand_roles = ["tokens", "table"]}
      : (tensor<?xi32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // What other workers wrote is read behind a barrier.
  // CHECK: llvm.call %[[BARRIER:.*]](%{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, i64) -> i64
  // CHECK: call @rms_norm_2
  %h = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: llvm.call %[[BARRIER]]
  // CHECK: call @linear_3
  // Two products of one input need none between them.
  // CHECK-NOT: llvm.call %[[BARRIER]]
  // CHECK: call @linear_3
  %a = qk.kernel linear(%h, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %b = qk.kernel linear(%h, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // CHECK: llvm.call %[[BARRIER]]
  // CHECK: call @gated_activation_4
  %m = qk.kernel gated_activation(%a, %b) {activation = "silu", operand_roles = ["gate", "up"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: llvm.call %[[BARRIER]]
  // CHECK: call @rms_norm_2
  %n = qk.kernel rms_norm(%m, %g) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: llvm.call %[[BARRIER]]
  // CHECK: call @linear_3
  %y = qk.kernel linear(%n, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // CHECK: return
  return %y : tensor<?x64xf32>
}
