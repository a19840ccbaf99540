// RUN: quant-translate --interpret %s

// The mean square of 1 and 7 is 25.
func.func @normalises_rows() {
  %x = arith.constant dense<[[1.0, 7.0], [-10.0, 70.0]]> : tensor<2x2xf32>
  %weight = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = nn.rms_norm %x, %weight eps 0.0 : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %expected = arith.constant dense<[[0.2, 2.8], [-0.2, 2.8]]> : tensor<2x2xf32>
  check.close_ulp %y, %expected max 1 : tensor<2x2xf32>
  return
}

// 9 + 16 = 25.
func.func @adds_eps() {
  %x = arith.constant dense<[[3.0]]> : tensor<1x1xf32>
  %weight = arith.constant dense<[1.0]> : tensor<1xbf16>
  %y = nn.rms_norm %x, %weight eps 16.0 : (tensor<1x1xf32>, tensor<1xbf16>) -> tensor<1x1xf32>
  %expected = arith.constant dense<[[0.6]]> : tensor<1x1xf32>
  check.close_ulp %y, %expected max 1 : tensor<1x1xf32>
  return
}

// The groups (1, 7) and (2, 14) have the same direction.
func.func @normalises_groups() {
  %x = arith.constant dense<[[1.0, 7.0, 2.0, 14.0]]> : tensor<1x4xf32>
  %weight = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = nn.rms_norm %x, %weight eps 0.0 group 2 : (tensor<1x4xf32>, tensor<2xf32>) -> tensor<1x4xf32>
  %expected = arith.constant dense<[[0.2, 2.8, 0.2, 2.8]]> : tensor<1x4xf32>
  check.close_ulp %y, %expected max 1 : tensor<1x4xf32>
  return
}

// The factors are 1 + 0 and 1 + 1.
func.func @adds_one_to_the_weight() {
  %x = arith.constant dense<[[1.0, 7.0]]> : tensor<1x2xf32>
  %weight = arith.constant dense<[0.0, 1.0]> : tensor<2xf32>
  %y = nn.rms_norm %x, %weight eps 0.0 unit_offset : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %expected = arith.constant dense<[[0.2, 2.8]]> : tensor<1x2xf32>
  check.close_ulp %y, %expected max 1 : tensor<1x2xf32>
  return
}
