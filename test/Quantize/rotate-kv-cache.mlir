// RUN: quant-opt %s -quantize-rotate-kv-cache | FileCheck %s

!cache = !nn.kv_cache<layers = 1, heads = 2, head_dim = 8, element = f16>

// Two query heads share a key head.
// CHECK-LABEL: @forward
func.func @forward(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %p: index,
                   %cache: !cache) -> tensor<?x32xf32> {
  // CHECK: %[[K:.*]] = nn.hadamard %arg1 group 8 : tensor<?x16xf32>
  // CHECK: %[[V:.*]] = nn.hadamard %arg2 group 8 : tensor<?x16xf32>
  // CHECK: nn.kv_append %[[K]], %[[V]] into
  nn.kv_append %k, %v into %cache[0] at %p : tensor<?x16xf32>, !cache
  // CHECK: %[[Q:.*]] = nn.hadamard %arg0 group 8 : tensor<?x32xf32>
  // CHECK: %[[A:.*]] = nn.attention %[[Q]],
  %a = nn.attention %q, %cache[0] at %p scale 0.5 : (tensor<?x32xf32>, !cache) -> tensor<?x32xf32>
  // CHECK: %[[B:.*]] = nn.hadamard %[[A]] group 8 : tensor<?x32xf32>
  // CHECK: %[[S:.*]] = nn.add %[[B]], %[[B]]
  %s = nn.add %a, %a : tensor<?x32xf32>
  // CHECK: return %[[S]]
  return %s : tensor<?x32xf32>
}
