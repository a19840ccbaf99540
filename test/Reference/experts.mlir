// RUN: quant-translate --interpret %s

// Powers 1, 2, 4 and 1 of a sum of 8: experts 1 and 2; of equal ones the first.
func.func @route() {
  %l = arith.constant dense<[[0.0, 0.693147182, 1.38629436, 0.0], [5.0, 5.0, 5.0, 5.0]]> : tensor<2x4xf32>
  %r = nn.route %l top 2 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %expected = arith.constant dense<[[1.0, 2.0, 0.25, 0.5], [0.0, 1.0, 0.25, 0.25]]> : tensor<2x4xf32>
  check.within %r, %expected absolute 1.0e-07 : tensor<2x4xf32>
  %n = nn.route %l top 2 normalized : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %normalized = arith.constant dense<[[1.0, 2.0, 0.333333343, 0.666666687], [0.0, 1.0, 0.5, 0.5]]> : tensor<2x4xf32>
  check.within %n, %normalized absolute 1.0e-07 : tensor<2x4xf32>
  %k = qk.kernel route(%l) {top = 2 : i64, normalized, operand_roles = ["x"]} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  check.equal %k, %n : tensor<2x4xf32>
  return
}

// Token 0 chose experts 0 and 2, token 1 experts 0 and 1: rows of tokens 0 and 1,
// of 1, of 0.
func.func @dispatch_and_combine() {
  %routing = arith.constant dense<[[0.0, 2.0, 0.5, 0.25], [0.0, 1.0, 2.0, 4.0]]> : tensor<2x4xf32>
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %dynamic = tensor.cast %x : tensor<2x2xf32> to tensor<?x2xf32>
  %rows = tensor.cast %routing : tensor<2x4xf32> to tensor<?x4xf32>
  %d = nn.dispatch %dynamic, %rows experts 3 : tensor<?x2xf32>, tensor<?x4xf32>
  %static = tensor.cast %d : tensor<?x2xf32> to tensor<4x2xf32>
  %expected = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]> : tensor<4x2xf32>
  check.equal %static, %expected : tensor<4x2xf32>
  %k = qk.kernel dispatch(%x, %routing) {experts = 3 : i64, operand_roles = ["x", "routing"]} : (tensor<2x2xf32>, tensor<2x4xf32>) -> tensor<4x2xf32>
  check.equal %k, %expected : tensor<4x2xf32>

  %said = arith.constant dense<[[1.0, 1.0], [2.0, 3.0], [5.0, 7.0], [8.0, 4.0]]> : tensor<4x2xf32>
  %all = tensor.cast %said : tensor<4x2xf32> to tensor<?x2xf32>
  %c = nn.combine %all, %rows experts 3 : tensor<?x2xf32>, tensor<?x4xf32>
  %two = tensor.cast %c : tensor<?x2xf32> to tensor<2x2xf32>
  %sums = arith.constant dense<[[2.5, 1.5], [24.0, 34.0]]> : tensor<2x2xf32>
  check.equal %two, %sums : tensor<2x2xf32>
  %kc = qk.kernel combine(%said, %routing) {experts = 3 : i64, operand_roles = ["x", "routing"]} : (tensor<4x2xf32>, tensor<2x4xf32>) -> tensor<2x2xf32>
  check.equal %kc, %sums : tensor<2x2xf32>
  return
}

// Each row with its expert's matrix, of one row, and its bias.
func.func @routed_linear() {
  %routing = arith.constant dense<[[0.0, 2.0, 0.5, 0.25], [0.0, 1.0, 2.0, 4.0]]> : tensor<2x4xf32>
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]> : tensor<4x2xf32>
  %w = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  %y = nn.linear %x, %w bias %b routed %routing : (tensor<4x2xf32>, tensor<3x2xf32>, tensor<3xf32>, tensor<2x4xf32>) -> tensor<4x1xf32>
  %expected = arith.constant dense<[[11.0], [13.0], [24.0], [33.0]]> : tensor<4x1xf32>
  check.equal %y, %expected : tensor<4x1xf32>
  %k = qk.kernel linear(%x, %w, %b, %routing) {compute = "f32", operand_roles = ["x", "w", "bias", "routing"]} : (tensor<4x2xf32>, tensor<3x2xf32>, tensor<3xf32>, tensor<2x4xf32>) -> tensor<4x1xf32>
  check.equal %k, %expected : tensor<4x1xf32>
  return
}
