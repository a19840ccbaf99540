// RUN: quant-opt %s --split-input-file --verify-diagnostics -quantize-rotate-kv-cache

!cache = !nn.kv_cache<layers = 1, heads = 1, head_dim = 12, element = f16>

func.func @append(%k: tensor<?x12xf32>, %p: index, %cache: !cache) {
  // expected-error@below {{'nn.kv_append' op expects a head dimension that is a power of two to rotate the KV cache, but got 12}}
  nn.kv_append %k, %k into %cache[0] at %p : tensor<?x12xf32>, !cache
  return
}

// -----

!cache = !nn.kv_cache<layers = 1, heads = 1, head_dim = 12, element = f16>

func.func @attend(%q: tensor<?x12xf32>, %p: index, %cache: !cache) -> tensor<?x12xf32> {
  // expected-error@below {{'nn.attention' op expects a head dimension that is a power of two to rotate the KV cache, but got 12}}
  %a = nn.attention %q, %cache[0] at %p scale 1.0 : (tensor<?x12xf32>, !cache) -> tensor<?x12xf32>
  return %a : tensor<?x12xf32>
}
