// RUN: quant-translate --interpret %s

// Each token picks its row.
func.func @picks_rows() {
  %tokens = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  %table = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %x = nn.embedding %tokens, %table : (tensor<3xi32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  %expected = arith.constant dense<[[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]> : tensor<3x2xf32>
  check.equal %x, %expected : tensor<3x2xf32>
  return
}

// A coded table is decoded: 127 and 63 steps of 0.5.
func.func @decodes_the_table() {
  %tokens = arith.constant dense<[1, 0]> : tensor<2xi32>
  %table = arith.constant dense<[[0.0, 0.0], [63.5, -31.4]]> : tensor<2x2xf32>
  %q = qt.quantize %table : tensor<2x2xf32> to tensor<2x2xf32, #qt.format<i8 [1, *], scale f32>>
  %x = nn.embedding %tokens, %q : (tensor<2xi32>, tensor<2x2xf32, #qt.format<i8 [1, *], scale f32>>) -> tensor<2x2xf32>
  %expected = arith.constant dense<[[63.5, -31.5], [0.0, 0.0]]> : tensor<2x2xf32>
  check.equal %x, %expected : tensor<2x2xf32>
  return
}
