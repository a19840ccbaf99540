// RUN: quant-translate --interpret %s

// Sums are rounded to f32: 2^24 + 1 is not representable.
func.func @adds() {
  %a = arith.constant dense<[[1.0, 16777216.0]]> : tensor<1x2xf32>
  %b = arith.constant dense<[[-3.0, 1.0]]> : tensor<1x2xf32>
  %y = nn.add %a, %b : tensor<1x2xf32>
  %expected = arith.constant dense<[[-2.0, 16777216.0]]> : tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>
  return
}
