// RUN: quant-opt %s --canonicalize --cse | FileCheck %s

!q = tensor<2x64xf32, #qt.format<q8_0>>
!cache = !nn.kv_cache<layers = 1, heads = 4, head_dim = 8, element = f32>
#other = #qk.layout<tile [1, 32] 34B { scale @256; code @0 col(32:8) }>

// A layout is a bijection on the codes.

// CHECK-LABEL: func @inverse
// CHECK-SAME: %[[Q:.*]]: tensor
func.func @inverse(%q: !q) -> !q {
  // CHECK-NEXT: return %[[Q]]
  %b = qk.pack %q layout(#qk.layout<q8_0>) : !q to tensor<136xi8>
  %r = qk.unpack %b layout(#qk.layout<q8_0>) : tensor<136xi8> to !q
  return %r : !q
}

// Read through another layout, the bytes are other codes.

// CHECK-LABEL: func @other_layout
func.func @other_layout(%q: !q) -> !q {
  // CHECK: qk.pack
  // CHECK: qk.unpack
  %b = qk.pack %q layout(#qk.layout<q8_0>) : !q to tensor<136xi8>
  %r = qk.unpack %b layout(#other) : tensor<136xi8> to !q
  return %r : !q
}

// Packing again would zero what lay between the codes.

// CHECK-LABEL: func @repack
func.func @repack(%b: tensor<136xi8>) -> tensor<136xi8> {
  // CHECK: qk.unpack
  // CHECK: qk.pack
  %q = qk.unpack %b layout(#qk.layout<q8_0>) : tensor<136xi8> to !q
  %r = qk.pack %q layout(#qk.layout<q8_0>) : !q to tensor<136xi8>
  return %r : tensor<136xi8>
}

// An append is kept, and attentions are not merged over it.

// CHECK-LABEL: func @effects
func.func @effects(%q: tensor<?x32xf32>, %p: index, %cache: !cache) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK-NEXT: %[[A:.*]] = qk.kernel attention
  // CHECK-NEXT: qk.kernel kv_append
  // CHECK-NEXT: %[[B:.*]] = qk.kernel attention
  // CHECK-NEXT: return %[[A]], %[[B]]
  %a = qk.kernel attention(%q, %cache, %p) {layer = 0 : i64, scale = 1.0 : f32, operand_roles = ["query", "cache", "position"]}
      : (tensor<?x32xf32>, !cache, index) -> tensor<?x32xf32>
  qk.kernel kv_append(%q, %q, %cache, %p) {layer = 0 : i64, operand_roles = ["key", "value", "cache", "position"]}
      : (tensor<?x32xf32>, tensor<?x32xf32>, !cache, index) -> ()
  %b = qk.kernel attention(%q, %cache, %p) {layer = 0 : i64, scale = 1.0 : f32, operand_roles = ["query", "cache", "position"]}
      : (tensor<?x32xf32>, !cache, index) -> tensor<?x32xf32>
  return %a, %b : tensor<?x32xf32>, tensor<?x32xf32>
}

// A kernel without effects goes away when nothing uses it.

// CHECK-LABEL: func @dead
func.func @dead(%x: tensor<?x32xf32>) {
  // CHECK-NEXT: return
  %y = qk.kernel add(%x, %x) {operand_roles = ["lhs", "rhs"]} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  return
}
