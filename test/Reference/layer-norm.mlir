// RUN: quant-translate --interpret %s

// Mean 4 and variance 9; with eps 7, the root is 4.
func.func @layer_norm() {
  %x = arith.constant dense<[[1.0, 7.0]]> : tensor<1x2xf32>
  %weight = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %bias = arith.constant dense<[0.5, -1.0]> : tensor<2xbf16>
  %y = nn.layer_norm %x, %weight bias %bias eps 0.0 : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xbf16>) -> tensor<1x2xf32>
  %expected = arith.constant dense<[[-0.5, 1.0]]> : tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>

  %z = nn.layer_norm %x, %weight eps 7.0 : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %apart = arith.constant dense<[[-0.75, 1.5]]> : tensor<1x2xf32>
  check.equal %z, %apart : tensor<1x2xf32>

  %k = qk.kernel layer_norm(%x, %weight, %bias) {eps = 0.0 : f32, operand_roles = ["x", "weight", "bias"]} : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xbf16>) -> tensor<1x2xf32>
  check.equal %k, %expected : tensor<1x2xf32>
  return
}
