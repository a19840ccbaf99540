// RUN: quant-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(pack-lower-to-kernels)" | FileCheck %s

!cache = !nn.kv_cache<layers = 2, heads = 2, head_dim = 4, element = f16>
param.global @rope.table : tensor<16x4xf32> = #nn.rope_table<positions = 16, inverse_frequencies = [1.0, 0.5]>

// CHECK-LABEL: func.func @hadamard
func.func @hadamard(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: qk.kernel hadamard(%arg0) {group = 4 : i64, operand_roles = ["x"]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nn.hadamard %x group 4 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @columns
func.func @columns(%x: tensor<?x8xf32>, %c: tensor<1x4xf32>, %s: tensor<1x4xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[Y:.*]] = qk.kernel gather_columns(%arg0, %arg1) {operand_roles = ["x", "columns"]} : (tensor<?x8xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  %y = nn.gather_columns %x, %c : (tensor<?x8xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  // CHECK: qk.kernel scale_columns(%[[Y]], %arg2) {operand_roles = ["x", "scales"]} : (tensor<?x4xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  %z = nn.scale_columns %y, %s : (tensor<?x4xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%x: tensor<?x8xf32>, %position: index, %cache: !cache) -> tensor<?x8xf32> {
  // CHECK: %[[T:.*]] = param.load @rope.table : tensor<16x4xf32>
  // CHECK: %[[Q:.*]] = qk.kernel rope(%arg0, %[[T]], %arg1) {head_dim = 4 : i64, operand_roles = ["x", "table", "position"]} : (tensor<?x8xf32>, tensor<16x4xf32>, index) -> tensor<?x8xf32>
  %q = nn.rope %x at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.5>} : tensor<?x8xf32>
  // CHECK: qk.kernel kv_append(%[[Q]], %arg0, %arg2, %arg1) {layer = 1 : i64, operand_roles = ["key", "value", "cache", "position"]}
  nn.kv_append %q, %x into %cache[1] at %position : tensor<?x8xf32>, !cache
  // CHECK: %[[A:.*]] = qk.kernel attention(%[[Q]], %arg2, %arg1) {layer = 1 : i64, operand_roles = ["query", "cache", "position"], scale = 5.000000e-01 : f32}
  %a = nn.attention %q, %cache[1] at %position scale 0.5 : (tensor<?x8xf32>, !cache) -> tensor<?x8xf32>
  // CHECK: %[[W:.*]] = qk.kernel attention(%[[A]], %arg2, %arg1) {layer = 0 : i64, operand_roles = ["query", "cache", "position"], scale = 5.000000e-01 : f32, window = 4096 : i64}
  %w = nn.attention %a, %cache[0] at %position scale 0.5 window 4096 : (tensor<?x8xf32>, !cache) -> tensor<?x8xf32>
  // CHECK: %[[C:.*]] = qk.kernel attention(%[[W]], %arg2, %arg1) {layer = 0 : i64, operand_roles = ["query", "cache", "position"], scale = 5.000000e-01 : f32, softcap = 5.000000e+01 : f32}
  %c = nn.attention %w, %cache[0] at %position scale 0.5 softcap 50.0 : (tensor<?x8xf32>, !cache) -> tensor<?x8xf32>
  // CHECK: return %[[C]]
  return %c : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<?x8xf32>, %l: tensor<?x4xf32>, %w: tensor<64x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[R:.*]] = qk.kernel route(%arg1) {normalized, operand_roles = ["x"], top = 2 : i64}
  %r = nn.route %l top 2 normalized : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: %[[X:.*]] = qk.kernel dispatch(%arg0, %[[R]]) {experts = 4 : i64, operand_roles = ["x", "routing"]}
  %d = nn.dispatch %x, %r experts 4 : tensor<?x8xf32>, tensor<?x4xf32>
  // CHECK: qk.kernel linear(%[[X]], %arg2, %[[R]]) {compute = "f32", operand_roles = ["x", "w", "routing"]}
  %y = nn.linear %d, %w routed %r : (tensor<?x8xf32>, tensor<64x8xf32>, tensor<?x4xf32>) -> tensor<?x16xf32>
  // CHECK: qk.kernel combine(%[[X]], %[[R]]) {experts = 4 : i64, operand_roles = ["x", "routing"]}
  %c = nn.combine %d, %r experts 4 : tensor<?x8xf32>, tensor<?x4xf32>
  return %c : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @functions
func.func @functions(%x: tensor<?x8xf32>, %g: tensor<8xf32>, %t: tensor<16x8xf32>, %position: index) -> tensor<?x8xf32> {
  // CHECK: qk.kernel layer_norm(%arg0, %arg1, %arg1) {eps = {{.*}} : f32, operand_roles = ["x", "weight", "bias"]}
  %ln = nn.layer_norm %x, %g bias %g eps 1.0e-05 : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: qk.kernel activation({{.*}}) {activation = "gelu", operand_roles = ["x"]}
  %act = nn.activation gelu %ln : tensor<?x8xf32>
  // CHECK: qk.kernel add_positions({{.*}}, %arg2, %arg3) {operand_roles = ["x", "table", "position"]}
  %at = nn.add_positions %act, %t at %position : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  // CHECK: qk.kernel rms_norm(%arg0, %arg1) {eps = {{.*}} : f32, operand_roles = ["x", "weight"], unit_offset}
  %n = nn.rms_norm %x, %g eps 1.0e-05 unit_offset : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: qk.kernel gated_activation({{.*}}) {activation = "gelu_tanh",
  %a = nn.gated_activation gelu_tanh %n, %x : tensor<?x8xf32>
  // CHECK: qk.kernel scale({{.*}}) {factor = 8.000000e+00 : f32, operand_roles = ["x"]}
  %s = nn.scale %a by 8.0 : tensor<?x8xf32>
  // CHECK: qk.kernel softcap({{.*}}) {operand_roles = ["x"], softcap = 3.000000e+01 : f32}
  %c = nn.softcap %s cap 30.0 : tensor<?x8xf32>
  return %c : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @rows
func.func @rows(%tokens: tensor<?xi32>, %table: tensor<32x8xbf16>, %g: tensor<8xf32>, %gh: tensor<4xf32>, %rows: index) -> tensor<?x8xf32> {
  // CHECK: %[[E:.*]] = qk.kernel embedding(%arg0, %arg1) {operand_roles = ["tokens", "table"]} : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
  %e = nn.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
  // CHECK: %[[H:.*]] = qk.kernel rms_norm(%[[E]], %arg2) {eps = {{.*}} : f32, operand_roles = ["x", "weight"]}
  %h = nn.rms_norm %e, %g eps 1.0e-05 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: %[[G:.*]] = qk.kernel rms_norm(%[[H]], %arg3) {eps = {{.*}} : f32, group = 4 : i64, operand_roles = ["x", "weight"]}
  %n = nn.rms_norm %h, %gh eps 1.0e-05 group 4 : (tensor<?x8xf32>, tensor<4xf32>) -> tensor<?x8xf32>
  // CHECK: %[[S:.*]] = qk.kernel add(%[[E]], %[[G]]) {operand_roles = ["lhs", "rhs"]}
  %s = nn.add %e, %n : tensor<?x8xf32>
  // CHECK: %[[M:.*]] = qk.kernel gated_activation(%[[S]], %[[E]]) {activation = "silu", operand_roles = ["gate", "up"]}
  %m = nn.gated_activation silu %s, %e : tensor<?x8xf32>
  // CHECK: %[[L:.*]] = qk.kernel last_rows(%[[M]], %arg4) {operand_roles = ["x", "rows"]}
  %l = nn.last_rows %m, %rows : tensor<?x8xf32>
  // CHECK: return %[[L]]
  return %l : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<?x64xf32>, %w: tensor<48x64xf32, #qt.format<q4_0>>, %b: tensor<48xf32>)
    -> (tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x48xf32>) {
  // CHECK: qk.kernel linear(%arg0, %arg1) {compute = "f32", operand_roles = ["x", "w"]}
  %y = nn.linear %x, %w : (tensor<?x64xf32>, tensor<48x64xf32, #qt.format<q4_0>>) -> tensor<?x48xf32>
  // CHECK: %[[XB:.*]] = qk.kernel quantize(%arg0) {operand_roles = ["x"]} : (tensor<?x64xf32>) -> tensor<?x64xf32, #{{.*}}bf16{{.*}}>
  // CHECK: qk.kernel linear(%[[XB]], %arg1, %arg2) {compute = "bf16", operand_roles = ["x", "w", "bias"]}
  %z = nn.linear %x, %w bias %b compute bf16 : (tensor<?x64xf32>, tensor<48x64xf32, #qt.format<q4_0>>, tensor<48xf32>) -> tensor<?x48xf32>
  // CHECK: %[[XQ:.*]] = qk.kernel quantize(%arg0) {operand_roles = ["x"]} : (tensor<?x64xf32>) -> tensor<?x64xf32, #{{.*}}>
  %xq = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>
  // CHECK: qk.kernel linear(%[[XQ]], %arg1) {compute = "int8", operand_roles = ["x", "w"]}
  %i = nn.linear %xq, %w : (tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>, tensor<48x64xf32, #qt.format<q4_0>>) -> tensor<?x48xf32>
  return %y, %z, %i : tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x48xf32>
}

// -----

func.func @no_table(%x: tensor<?x8xf32>, %position: index) -> tensor<?x8xf32> {
  // expected-error @below {{expects a #nn.rope_table weight with its inverse frequencies, but got none}}
  %q = nn.rope %x at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.5>} : tensor<?x8xf32>
  return %q : tensor<?x8xf32>
}

// -----

func.func @no_kernel(%w: tensor<8x64xf32, #qt.format<q4_0>>) -> tensor<8x64xf32> {
  // expected-error @below {{expects an operation that has a kernel, but got 'qt.dequantize'}}
  %d = qt.dequantize %w : tensor<8x64xf32, #qt.format<q4_0>> to tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}
