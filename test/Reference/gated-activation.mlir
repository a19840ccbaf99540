// RUN: quant-translate --interpret %s

// silu(ln 3) = ln 3 * 3/4, silu(-ln 3) = -ln 3 * 1/4.
func.func @silu() {
  %gate = arith.constant dense<[[1.09861229, -1.09861229, 0.0]]> : tensor<1x3xf32>
  %up = arith.constant dense<[[4.0, 4.0, 9.0]]> : tensor<1x3xf32>
  %y = nn.gated_activation silu %gate, %up : tensor<1x3xf32>
  %expected = arith.constant dense<[[3.29583687, -1.09861229, 0.0]]> : tensor<1x3xf32>
  check.close_ulp %y, %expected max 1 : tensor<1x3xf32>
  return
}

// erf(1 / sqrt(2)) = 0.68268949: gelu(1) = 0.84134475, gelu(-1) = -0.15865525.
func.func @gelu() {
  %gate = arith.constant dense<[[1.0, -1.0, 0.0]]> : tensor<1x3xf32>
  %up = arith.constant dense<[[2.0, 1.0, 9.0]]> : tensor<1x3xf32>
  %y = nn.gated_activation gelu %gate, %up : tensor<1x3xf32>
  %expected = arith.constant dense<[[1.68268949, -0.15865525, 0.0]]> : tensor<1x3xf32>
  check.close_ulp %y, %expected max 1 : tensor<1x3xf32>
  return
}

// tanh(sqrt(2 / pi) * 1.044715) = 0.68238398.
func.func @gelu_tanh() {
  %gate = arith.constant dense<[[1.0, -1.0, 0.0]]> : tensor<1x3xf32>
  %up = arith.constant dense<[[2.0, 1.0, 9.0]]> : tensor<1x3xf32>
  %y = nn.gated_activation gelu_tanh %gate, %up : tensor<1x3xf32>
  %expected = arith.constant dense<[[1.68238398, -0.15880801, 0.0]]> : tensor<1x3xf32>
  check.within %y, %expected absolute 1.0e-07 : tensor<1x3xf32>
  return
}
