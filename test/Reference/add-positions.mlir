// RUN: quant-translate --interpret %s

func.func @add_positions() {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %table = arith.constant dense<[[9.0, 9.0], [10.0, 20.0], [30.0, 40.0]]> : tensor<3x2xf32>
  %one = arith.constant 1 : index
  %y = nn.add_positions %x, %table at %one : (tensor<2x2xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %expected = arith.constant dense<[[11.0, 22.0], [33.0, 44.0]]> : tensor<2x2xf32>
  check.equal %y, %expected : tensor<2x2xf32>
  %k = qk.kernel add_positions(%x, %table, %one) {operand_roles = ["x", "table", "position"]} : (tensor<2x2xf32>, tensor<3x2xf32>, index) -> tensor<2x2xf32>
  check.equal %k, %expected : tensor<2x2xf32>
  return
}
