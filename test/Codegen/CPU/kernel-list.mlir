// RUN: quant-opt %s --codegen-select-kernel=isa=avx2 --cpu-lower-kernels=isa=avx2 | FileCheck %s

// What `forward` runs, in order, with what decides the bytes and operations of
// each kernel; last_rows runs nothing.

#panel = #qk.layout<tile [16, 64] 4096B { code{0:32} @0 row(16:32) col(64:512) }>
#row = #qk.layout<tile [1, *] 256B { code{0:32} @0 col(64:32) }>
#turns = #qk.layout<tile [1, *] 128B { code{0:32} @0 col(32:32) }>
!cache = !nn.kv_cache<layers = 4, heads = 2, head_dim = 32, element = f16>

param.global @"model.embed_tokens.weight" : tensor<64x64xf32> layout #panel = #param.external<"model", "e">
param.global @"model.layers.3.self_attn.q_proj.weight" : tensor<64x64xf32> layout #panel = #param.external<"model", "q">
param.global @"model.layers.3.input_layernorm.weight" : tensor<64xf32> layout #row = #param.external<"model", "g">
param.global @rope : tensor<128x32xf32> layout #turns = #param.external<"model", "r">

// CHECK:      qk.kernels = [
// CHECK-SAME: {compute = "f32", function = "embedding_1", kind = "embedding", reads = {}, rows = "tokens", tile = array<i64: 1, 16>,
// CHECK-SAME:  weights = [{bytes = 16384 : i64, format = "f32", name = "model.embed_tokens.weight", role = "table", shape = array<i64: 64, 64>}],
// CHECK-SAME:  width = 64 : i64, writes = 256 : i64},
// CHECK-SAME: {compute = "f32", function = "rms_norm_2", kind = "rms_norm", layer = 3 : i64, reads = {x = 256 : i64}, rows = "tokens", tile = array<i64: 1, 16>,
// CHECK-SAME:  weights = [{bytes = 256 : i64, format = "f32", name = "model.layers.3.input_layernorm.weight", role = "weight", shape = array<i64: 64>}],
// CHECK-SAME:  width = 64 : i64, writes = 256 : i64},
// CHECK-SAME: {compute = "f32", function = "linear_3", kind = "linear", layer = 3 : i64, reads = {x = 256 : i64}, rows = "tokens", tile = array<i64: {{[0-9]+}}, {{[0-9]+}}>,
// CHECK-SAME:  weights = [{bytes = 16384 : i64, format = "f32", name = "model.layers.3.self_attn.q_proj.weight", role = "w", shape = array<i64: 64, 64>}],
// CHECK-SAME:  width = 64 : i64, writes = 256 : i64},
// A kernel without weights of its own belongs to the layer of what it reads.
// CHECK-SAME: {compute = "f32", function = "rope_4", kind = "rope", layer = 3 : i64, reads = {x = 256 : i64}, rows = "tokens", tile = array<i64: 1, 16>,
// CHECK-SAME:  weights = [{bytes = 16384 : i64, format = "f32", name = "rope", role = "table", shape = array<i64: 128, 32>}],
// 2 heads of 32 columns in 2 bytes.
// CHECK-SAME: {cache = {key = 128 : i64, value = 128 : i64, window = 0 : i64}, compute = "f32", function = "kv_append_5", kind = "kv_append", layer = 3 : i64,
// CHECK-SAME:  reads = {key = 256 : i64, value = 256 : i64}, rows = "tokens", tile = array<i64: 1, 16>, weights = []},
// CHECK-SAME: {cache = {key = 128 : i64, value = 128 : i64, window = 8 : i64}, compute = "f32", function = "attention_6", kind = "attention", layer = 3 : i64,
// CHECK-SAME:  reads = {query = 256 : i64}, rows = "tokens", tile = array<i64: 1, 16>, weights = [], width = 64 : i64, writes = 256 : i64},
// CHECK-SAME: {compute = "f32", function = "add_8", kind = "add", layer = 3 : i64, reads = {lhs = 256 : i64, rhs = 256 : i64}, rows = "tokens",
// Behind last_rows there are only the rows that have logits.
// CHECK-SAME: {compute = "f32", function = "linear_3", kind = "linear", reads = {x = 256 : i64}, rows = "logits",
// CHECK-NOT:  last_rows
// CHECK-SAME: ]

// CHECK-LABEL: func.func @quern_forward_avx2(
// CHECK:       %[[FIELD:.*]] = llvm.getelementptr %{{.*}}[%c112_i64]
// CHECK-NEXT:  %[[MARK:.*]] = llvm.load %[[FIELD]]
// CHECK:       call @embedding_1
// CHECK:       %[[ON:.*]] = llvm.icmp "ne" %[[MARK]], %{{.*}} : !llvm.ptr
// CHECK-NEXT:  scf.if %[[ON]] {
// CHECK:         llvm.call %[[MARK]](%{{.*}}, %{{.*}}, %c0{{.*}}) : !llvm.ptr, (!llvm.ptr, i64, i64) -> ()
// What merges the parts of attention counts as attention.
// CHECK:       call @attention_6
// CHECK:         llvm.call %[[MARK]](%{{.*}}, %{{.*}}, %c5{{.*}}) : !llvm.ptr, (!llvm.ptr, i64, i64) -> ()
// CHECK:       call @attention_merge_7
// CHECK:         llvm.call %[[MARK]](%{{.*}}, %{{.*}}, %c5{{.*}}) : !llvm.ptr, (!llvm.ptr, i64, i64) -> ()
// CHECK:       call @add_8
// CHECK:         llvm.call %[[MARK]](%{{.*}}, %{{.*}}, %c6{{.*}}) : !llvm.ptr, (!llvm.ptr, i64, i64) -> ()
func.func @forward(%tokens: tensor<?xi32>, %position: index, %rows: index, %cache: !cache) -> tensor<?x64xf32> {
  %e = param.load @"model.embed_tokens.weight" : tensor<64x64xf32>
  %w = param.load @"model.layers.3.self_attn.q_proj.weight" : tensor<64x64xf32>
  %g = param.load @"model.layers.3.input_layernorm.weight" : tensor<64xf32>
  %r = param.load @rope : tensor<128x32xf32>
  %x = qk.kernel embedding(%tokens, %e) {operand_roles = ["tokens", "table"]}
      : (tensor<?xi32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %h = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %q = qk.kernel linear(%h, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %k = qk.kernel rope(%q, %r, %position) {head_dim = 32 : i64, operand_roles = ["x", "table", "position"]}
      : (tensor<?x64xf32>, tensor<128x32xf32>, index) -> tensor<?x64xf32>
  qk.kernel kv_append(%k, %q, %cache, %position) {layer = 3 : i64, operand_roles = ["key", "value", "cache", "position"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>, !cache, index) -> ()
  %a = qk.kernel attention(%k, %cache, %position) {layer = 3 : i64, scale = 1.0 : f32, window = 8 : i64, operand_roles = ["query", "cache", "position"]}
      : (tensor<?x64xf32>, !cache, index) -> tensor<?x64xf32>
  %s = qk.kernel add(%x, %a) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %t = qk.kernel last_rows(%s, %rows) {operand_roles = ["x", "rows"]}
      : (tensor<?x64xf32>, index) -> tensor<?x64xf32>
  %y = qk.kernel linear(%t, %e) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
