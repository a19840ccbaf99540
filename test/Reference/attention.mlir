// RUN: quant-translate --interpret %s
// RUN: not quant-translate --interpret %s --entry empty_cache 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: not quant-translate --interpret %s --entry gap 2>&1 | FileCheck %s --check-prefix=GAP

!one = !nn.kv_cache<layers = 1, heads = 1, head_dim = 2, element = f32>
!two = !nn.kv_cache<layers = 2, heads = 2, head_dim = 1, element = f32>
!half = !nn.kv_cache<layers = 1, heads = 1, head_dim = 1, element = f16>

// Scores 2 * ln 3 * 0.5 = ln 3 and 0: weights 3/4 and 1/4.
func.func @softmax_of_scaled_scores(%cache: !one) {
  %k = arith.constant dense<[[1.09861229, 5.0], [0.0, 7.0]]> : tensor<2x2xf32>
  %v = arith.constant dense<[[4.0, 8.0], [0.0, -8.0]]> : tensor<2x2xf32>
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  nn.kv_append %k, %v into %cache[0] at %zero : tensor<2x2xf32>, !one
  %q = arith.constant dense<[[2.0, 0.0]]> : tensor<1x2xf32>
  %y = nn.attention %q, %cache[0] at %one scale 0.5 : (tensor<1x2xf32>, !one) -> tensor<1x2xf32>
  %expected = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  check.within %y, %expected absolute 1.0e-06 : tensor<1x2xf32>
  return
}

// Scores 2 and 0 of which 1.5 tanh(2 / 1.5) = 1.30509249 and 0 are left: weights
// 0.786691 and 0.213309.
func.func @softcap(%cache: !one) {
  %k = arith.constant dense<[[2.0, 5.0], [0.0, 7.0]]> : tensor<2x2xf32>
  %v = arith.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  nn.kv_append %k, %v into %cache[0] at %zero : tensor<2x2xf32>, !one
  %q = arith.constant dense<[[2.0, 0.0]]> : tensor<1x2xf32>
  %y = nn.attention %q, %cache[0] at %one scale 0.5 softcap 1.5 : (tensor<1x2xf32>, !one) -> tensor<1x2xf32>
  %expected = arith.constant dense<[[0.78669079, 0.21330921]]> : tensor<1x2xf32>
  check.within %y, %expected absolute 1.0e-06 : tensor<1x2xf32>
  return
}

// Equal scores: row p averages the values of the tokens up to p. The second
// append continues where the first one ended.
func.func @is_causal(%cache: !half) {
  %k = arith.constant dense<[[0.0], [0.0]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[1.0], [3.0]]> : tensor<2x1xf32>
  %k2 = arith.constant dense<[[0.0]]> : tensor<1x1xf32>
  %v2 = arith.constant dense<[[8.0]]> : tensor<1x1xf32>
  %q = arith.constant dense<[[1.0], [1.0], [1.0]]> : tensor<3x1xf32>
  %zero = arith.constant 0 : index
  %two = arith.constant 2 : index
  nn.kv_append %k, %v into %cache[0] at %zero : tensor<2x1xf32>, !half
  nn.kv_append %k2, %v2 into %cache[0] at %two : tensor<1x1xf32>, !half
  %y = nn.attention %q, %cache[0] at %zero scale 1.0 : (tensor<3x1xf32>, !half) -> tensor<3x1xf32>
  %expected = arith.constant dense<[[1.0], [2.0], [4.0]]> : tensor<3x1xf32>
  check.close_ulp %y, %expected max 1 : tensor<3x1xf32>

  // A window of 2 hides the first of three tokens.
  %w = nn.attention %q, %cache[0] at %zero scale 1.0 window 2 : (tensor<3x1xf32>, !half) -> tensor<3x1xf32>
  %windowed = arith.constant dense<[[1.0], [2.0], [5.5]]> : tensor<3x1xf32>
  check.close_ulp %w, %windowed max 1 : tensor<3x1xf32>
  return
}

// Query heads 0 and 1 read key head 0, heads 2 and 3 key head 1; layers are
// apart.
func.func @shares_key_heads(%cache: !two) {
  %k = arith.constant dense<[[0.0, 0.0]]> : tensor<1x2xf32>
  %v0 = arith.constant dense<[[5.0, 6.0]]> : tensor<1x2xf32>
  %v1 = arith.constant dense<[[7.0, 8.0]]> : tensor<1x2xf32>
  %q = arith.constant dense<[[1.0, 1.0, 1.0, 1.0]]> : tensor<1x4xf32>
  %zero = arith.constant 0 : index
  nn.kv_append %k, %v0 into %cache[0] at %zero : tensor<1x2xf32>, !two
  nn.kv_append %k, %v1 into %cache[1] at %zero : tensor<1x2xf32>, !two
  %y = nn.attention %q, %cache[0] at %zero scale 1.0 : (tensor<1x4xf32>, !two) -> tensor<1x4xf32>
  %expected = arith.constant dense<[[5.0, 5.0, 6.0, 6.0]]> : tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>
  return
}

// 2049 is halfway between two f16 and goes to the even one.
func.func @stores_the_element_type(%cache: !half) {
  %k = arith.constant dense<[[0.0]]> : tensor<1x1xf32>
  %v = arith.constant dense<[[2049.0]]> : tensor<1x1xf32>
  %zero = arith.constant 0 : index
  nn.kv_append %k, %v into %cache[0] at %zero : tensor<1x1xf32>, !half
  %y = nn.attention %k, %cache[0] at %zero scale 1.0 : (tensor<1x1xf32>, !half) -> tensor<1x1xf32>
  %expected = arith.constant dense<[[2048.0]]> : tensor<1x1xf32>
  check.equal %y, %expected : tensor<1x1xf32>
  return
}

// EMPTY: error: 'nn.attention' op expects a cache that holds 1 tokens, but got 0
func.func private @empty_cache(%cache: !half) {
  %q = arith.constant dense<[[1.0]]> : tensor<1x1xf32>
  %zero = arith.constant 0 : index
  %y = nn.attention %q, %cache[0] at %zero scale 1.0 : (tensor<1x1xf32>, !half) -> tensor<1x1xf32>
  return
}

// GAP: error: 'nn.kv_append' op expects a position of at most 0, the tokens held, but got 2
func.func private @gap(%cache: !half) {
  %k = arith.constant dense<[[0.0]]> : tensor<1x1xf32>
  %two = arith.constant 2 : index
  nn.kv_append %k, %k into %cache[0] at %two : tensor<1x1xf32>, !half
  return
}
