// RUN: quant-opt %s --verify-roundtrip | FileCheck %s

!cache = !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>
!a8 = tensor<?x64xf32, #qt.format<int8_g32>>
!w4 = tensor<128x64xf32, #qt.format<q4_0>>

// A layout prints once, as an alias called after its name.

// CHECK-DAG: #layout_q4_0 = #qk.layout<tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }>
// CHECK-DAG: #layout = #qk.layout<tile [1, 32] 34B { scale @256; code @0 col(32:8) }>

// CHECK: param.global @w : tensor<128x64xf32, #q4_0> layout #layout_q4_0 =
param.global @w : !w4 layout #qk.layout<q4_0>
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
// CHECK: param.global @v : tensor<128x64xf32, #q8_0> layout #layout =
param.global @v : tensor<128x64xf32, #qt.format<q8_0>>
    layout #qk.layout<tile [1, 32] 34B { scale @256; code @0 col(32:8) }>
    = #param.splat<1.0 : f32>

// CHECK: param.global @stored : tensor<128x64xf32, #q4_0> = #qk.stored<[#param.external<"model", "blk.0.attn_q.weight">], format = #q4_0, layout = #layout_q4_0>
param.global @stored : !w4 = #qk.stored<
    [#param.external<"model", "blk.0.attn_q.weight">],
    format = #qt.format<q4_0>, layout = #qk.layout<q4_0>>
// Each segment a tensor, the rows in another order.
// CHECK: param.global @apart : tensor<128x64xf32, #q4_0> = #qk.stored<[#param.external<"model", "codes">, #param.external<"model", "scales">], format = #q4_0, layout = #layout1>
param.global @apart : !w4 = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">],
    format = #qt.format<q4_0>,
    layout = #qk.layout<tile [1, *] order(32:2, 2:1) 32B { code @0 col(64:4) } + tile [1, *] 4B { scale @0 col(2:16) }>>
// Some rows of a tensor.
// CHECK: param.global @rows : tensor<128x64xf32, #q4_0> = #qk.stored<[#param.external<"model", "blk.0.attn_qkv.weight">], format = #q4_0, layout = #layout_q4_0, rows = [64, 256]>
param.global @rows : !w4 = #qk.stored<
    [#param.external<"model", "blk.0.attn_qkv.weight">],
    format = #qt.format<q4_0>, layout = #qk.layout<q4_0>, rows = [64, 256]>
// Numbers, of another format than the type.
// CHECK: param.global @numbers : tensor<64xbf16> = #qk.stored<{{.*}}, format = #f32, layout = #layout2>
param.global @numbers : tensor<64xbf16> = #qk.stored<
    [#param.external<"model", "bias">], format = #qt.format<f32>,
    layout = #qk.layout<tile [1, 64] 256B { code @0 col(32:64, 2:32) }>>

// CHECK-LABEL: func @pack
func.func @pack(%q: tensor<2x64xf32, #qt.format<q4_0>>) -> tensor<2x64xf32, #qt.format<q4_0>> {
  // CHECK: %[[B:.*]] = qk.pack %{{.*}} layout(#layout_q4_0) : tensor<2x64xf32, #q4_0> to tensor<72xi8>
  %b = qk.pack %q layout(#qk.layout<q4_0>) : tensor<2x64xf32, #qt.format<q4_0>> to tensor<72xi8>
  // CHECK: qk.unpack %[[B]] layout(#layout_q4_0) : tensor<72xi8> to tensor<2x64xf32, #q4_0>
  %r = qk.unpack %b layout(#qk.layout<q4_0>) : tensor<72xi8> to tensor<2x64xf32, #qt.format<q4_0>>
  return %r : tensor<2x64xf32, #qt.format<q4_0>>
}

// Every kind, without a tile as packing makes them.

// CHECK-LABEL: func @kernels
func.func @kernels(%tokens: tensor<?xi32>, %position: index, %rows: index, %cache: !cache,
                   %e: tensor<512x64xf32>, %g: tensor<64xf32>, %rope: tensor<512x8xf32>,
                   %w: !w4, %b: tensor<128xf32>) -> tensor<?x128xf32> {
  // CHECK: qk.kernel embedding(%{{.*}}, %{{.*}}) {operand_roles = ["tokens", "table"]} : (tensor<?xi32>, tensor<512x64xf32>) -> tensor<?x64xf32>
  %x = qk.kernel embedding(%tokens, %e) {operand_roles = ["tokens", "table"]}
      : (tensor<?xi32>, tensor<512x64xf32>) -> tensor<?x64xf32>
  // CHECK: qk.kernel rms_norm(%{{.*}}, %{{.*}}) {eps = 9.99999974E-6 : f32, operand_roles = ["x", "weight"]}
  %h = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: qk.kernel rope
  %r = qk.kernel rope(%h, %rope, %position) {head_dim = 8 : i64, operand_roles = ["x", "table", "position"]}
      : (tensor<?x64xf32>, tensor<512x8xf32>, index) -> tensor<?x64xf32>
  // CHECK: qk.kernel last_rows
  %t = qk.kernel last_rows(%r, %rows) {operand_roles = ["x", "rows"]}
      : (tensor<?x64xf32>, index) -> tensor<?x64xf32>
  // CHECK: qk.kernel add
  %s = qk.kernel add(%t, %t) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: qk.kernel gated_activation
  %m = qk.kernel gated_activation(%s, %s) {activation = "silu", operand_roles = ["gate", "up"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: qk.kernel kv_append(%{{.*}}) {layer = 0 : i64, operand_roles = ["key", "value", "cache", "position"]} : ({{.*}}) -> ()
  qk.kernel kv_append(%m, %m, %cache, %position)
      {layer = 0 : i64, operand_roles = ["key", "value", "cache", "position"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>, !cache, index) -> ()
  // CHECK: qk.kernel attention
  %a = qk.kernel attention(%m, %cache, %position)
      {layer = 0 : i64, scale = 1.0 : f32, operand_roles = ["query", "cache", "position"]}
      : (tensor<?x64xf32>, !cache, index) -> tensor<?x64xf32>
  // CHECK: qk.kernel quantize
  %q = qk.kernel quantize(%a) {operand_roles = ["x"]} : (tensor<?x64xf32>) -> !a8
  // CHECK: qk.kernel linear
  %y = qk.kernel linear(%q, %w) {compute = "int8", operand_roles = ["x", "w"]} : (!a8, !w4) -> tensor<?x128xf32>
  // CHECK: qk.kernel linear
  // CHECK-SAME: operand_roles = ["x", "w", "bias", "residual"]
  %z = qk.kernel linear(%q, %w, %b, %y)
      {compute = "int8", operand_roles = ["x", "w", "bias", "residual"]}
      : (!a8, !w4, tensor<128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
  // CHECK: qk.kernel scale(%{{.*}}) {factor = 2.000000e+00 : f32, operand_roles = ["x"]}
  %s2 = qk.kernel scale(%z) {factor = 2.0 : f32, operand_roles = ["x"]} : (tensor<?x128xf32>) -> tensor<?x128xf32>
  // CHECK: qk.kernel softcap(%{{.*}}) {operand_roles = ["x"], softcap = 3.000000e+01 : f32}
  %s3 = qk.kernel softcap(%s2) {softcap = 30.0 : f32, operand_roles = ["x"]} : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return %s3 : tensor<?x128xf32>
}

// CHECK-LABEL: func @tile
func.func @tile(%q: !a8, %w: !w4) -> tensor<?x128xf32> {
  // CHECK: qk.kernel linear(%{{.*}}, %{{.*}}) tile <isa = "avx512", compute = "int8", rows = 8, columns = 32> {compute = "int8",
  %y = qk.kernel linear(%q, %w)
      tile #qk.tile<isa = "avx512", compute = "int8", rows = 8, columns = 32>
      {compute = "int8", operand_roles = ["x", "w"]} : (!a8, !w4) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
