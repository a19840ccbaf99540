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
