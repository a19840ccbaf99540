// RUN: quant-translate --interpret %s

// Rows of the weight are columns of the result.
func.func @multiplies_by_the_transpose() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]]> : tensor<2x3xf32>
  %w = arith.constant dense<[[1.0, 1.0, 1.0], [2.0, 0.0, -1.0]]> : tensor<2x3xbf16>
  %y = nn.linear %x, %w : (tensor<2x3xf32>, tensor<2x3xbf16>) -> tensor<2x2xf32>
  %expected = arith.constant dense<[[6.0, -1.0], [0.0, -3.0]]> : tensor<2x2xf32>
  check.equal %y, %expected : tensor<2x2xf32>
  return
}

func.func @adds_the_bias() {
  %x = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %w = arith.constant dense<[[1.0, 1.0], [2.0, 0.0]]> : tensor<2x2xf32>
  %b = arith.constant dense<[0.5, -4.0]> : tensor<2xf16>
  %y = nn.linear %x, %w bias %b : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf16>) -> tensor<1x2xf32>
  %expected = arith.constant dense<[[3.5, -2.0]]> : tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>
  return
}

// 1 + 2^-8 is halfway between two bf16 and goes to 1, on either side.
func.func @rounds_operands_to_bf16() {
  %x = arith.constant dense<[[1.00390625, 3.0]]> : tensor<1x2xf32>
  %w = arith.constant dense<[[256.0, 1.00390625]]> : tensor<1x2xf32>
  %y = nn.linear %x, %w compute bf16 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x1xf32>
  %expected = arith.constant dense<[[259.0]]> : tensor<1x1xf32>
  check.equal %y, %expected : tensor<1x1xf32>
  return
}

// Both operands are decoded, then multiplied: 127 * 0.5 and 127 * 0.25 stay,
// 31.4 becomes 31.5 and 15.8 becomes 15.75.
func.func @decodes_operands() {
  %x = arith.constant dense<[[63.5, 31.4]]> : tensor<1x2xf32>
  %w = arith.constant dense<[[31.75, 15.8]]> : tensor<1x2xf32>
  %xq = qt.quantize %x : tensor<1x2xf32> to tensor<1x2xf32, #qt.format<i8 [1, *], scale f32>>
  %wq = qt.quantize %w : tensor<1x2xf32> to tensor<1x2xf32, #qt.format<i8 [1, *], scale f32>>
  %y = nn.linear %xq, %wq : (tensor<1x2xf32, #qt.format<i8 [1, *], scale f32>>, tensor<1x2xf32, #qt.format<i8 [1, *], scale f32>>) -> tensor<1x1xf32>
  %expected = arith.constant dense<[[2512.25]]> : tensor<1x1xf32>
  check.equal %y, %expected : tensor<1x1xf32>
  return
}
