// RUN: quant-translate --interpret %s

// The gated activation with a factor of one.
func.func @activation() {
  %x = arith.constant dense<[[1.0, -2.0, 0.5]]> : tensor<1x3xf32>
  %one = arith.constant dense<1.0> : tensor<1x3xf32>
  %y = nn.activation gelu_tanh %x : tensor<1x3xf32>
  %expected = nn.gated_activation gelu_tanh %x, %one : tensor<1x3xf32>
  check.equal %y, %expected : tensor<1x3xf32>
  %k = qk.kernel activation(%x) {activation = "gelu_tanh", operand_roles = ["x"]} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  check.equal %k, %expected : tensor<1x3xf32>
  return
}
