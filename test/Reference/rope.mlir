// RUN: quant-translate --interpret %s

// Two heads of 4. The pair (0, 2) of each head turns by pi/2 a position, the
// pair (1, 3) by pi; row 0 is at position 1, row 1 at position 2.
func.func @turns_pairs_of_halves() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 1.0, 0.0],
                             [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 1.0, 0.0]]> : tensor<2x8xf32>
  %one = arith.constant 1 : index
  %y = nn.rope %x at %one {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.57079637, 3.14159274>} : tensor<2x8xf32>
  %expected = arith.constant dense<[[-3.0, -2.0, 1.0, -4.0, -1.0, 0.0, 0.0, 0.0],
                                    [-1.0, 2.0, -3.0, 4.0, 0.0, 0.0, -1.0, 0.0]]> : tensor<2x8xf32>
  // The frequencies are off by at most 9e-8, so angles by 2e-7, and values by
  // that times 5, the largest norm of a pair.
  check.within %y, %expected absolute 1.0e-06 : tensor<2x8xf32>
  return
}

// At position 0 nothing turns.
func.func @leaves_position_zero() {
  %x = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %zero = arith.constant 0 : index
  %y = nn.rope %x at %zero {head_dim = 2 : i64, inverse_frequencies = array<f32: 1.0>} : tensor<1x2xf32>
  check.equal %y, %x : tensor<1x2xf32>
  return
}

// Only the pair (0, 1) of each head turns, by pi/2, and is stretched; the two
// columns behind it stay.
func.func @turns_a_part() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %one = arith.constant 1 : index
  %y = nn.rope %x at %one {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.57079637>, magnitude = 2.0 : f32} : tensor<1x4xf32>
  %expected = arith.constant dense<[[-4.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  check.within %y, %expected absolute 1.0e-06 : tensor<1x4xf32>
  return
}
