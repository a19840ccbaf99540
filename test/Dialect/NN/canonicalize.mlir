// RUN: quant-opt %s --canonicalize --cse | FileCheck %s

!cache = !nn.kv_cache<layers = 1, heads = 4, head_dim = 8, element = f32>

// The last b of the last a rows are the last b rows.

// CHECK-LABEL: func @last_rows
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[A:.*]]: index, %[[B:.*]]: index
func.func @last_rows(%x: tensor<?x64xf32>, %a: index, %b: index) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Y:.*]] = nn.last_rows %[[X]], %[[B]]
  // CHECK-NEXT: return %[[Y]]
  %s = nn.last_rows %x, %a : tensor<?x64xf32>
  %t = nn.last_rows %s, %b : tensor<?x64xf32>
  return %t : tensor<?x64xf32>
}

// An append is kept although it has no result, and equal attentions before and
// after it are not merged; those with nothing between them are.

// CHECK-LABEL: func @effects
func.func @effects(%q: tensor<?x32xf32>, %p: index, %cache: !cache)
    -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK-NEXT: %[[A:.*]] = nn.attention
  // CHECK-NEXT: nn.kv_append
  // CHECK-NEXT: %[[B:.*]] = nn.attention
  // CHECK-NEXT: return %[[A]], %[[B]], %[[B]]
  %a = nn.attention %q, %cache[0] at %p scale 1.0 : (tensor<?x32xf32>, !cache) -> tensor<?x32xf32>
  nn.kv_append %q, %q into %cache[0] at %p : tensor<?x32xf32>, !cache
  %b = nn.attention %q, %cache[0] at %p scale 1.0 : (tensor<?x32xf32>, !cache) -> tensor<?x32xf32>
  %c = nn.attention %q, %cache[0] at %p scale 1.0 : (tensor<?x32xf32>, !cache) -> tensor<?x32xf32>
  return %a, %b, %c : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// Everything but the append goes away when nothing uses it.

// CHECK-LABEL: func @dead
func.func @dead(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %p: index, %cache: !cache) {
  // CHECK-NEXT: return
  %q = nn.linear %x, %w : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %a = nn.attention %q, %cache[0] at %p scale 1.0 : (tensor<?x32xf32>, !cache) -> tensor<?x32xf32>
  return
}
