// RUN: quant-translate --interpret %s

!coded = !nn.kv_cache<layers = 1, heads = 2, head_dim = 2, element = f32,
                      encoding = #qt.format<i4 [1, 2], scale f32>>
!plain = !nn.kv_cache<layers = 1, heads = 2, head_dim = 2, element = f32>

// A cache holds what its codes stand for: 14 and 3 with a scale of 2 are 14 and
// 4; ties go to even. Rotation before and after changes nothing else.
func.func @holds_coded_numbers(%coded: !coded, %plain: !plain) {
  %k = arith.constant dense<[[14.0, 3.0, 7.0, 2.5], [7.0, 1.0, 0.0, 0.0]]> : tensor<2x4xf32>
  %kc = arith.constant dense<[[14.0, 4.0, 7.0, 2.0], [7.0, 1.0, 0.0, 0.0]]> : tensor<2x4xf32>
  %v = arith.constant dense<[[-14.0, 5.0, 7.0, 3.5], [7.0, -7.0, 3.0, 0.0]]> : tensor<2x4xf32>
  %vc = arith.constant dense<[[-14.0, 4.0, 7.0, 4.0], [7.0, -7.0, 3.0, 0.0]]> : tensor<2x4xf32>
  %zero = arith.constant 0 : index
  nn.kv_append %k, %v into %coded[0] at %zero : tensor<2x4xf32>, !coded
  nn.kv_append %kc, %vc into %plain[0] at %zero : tensor<2x4xf32>, !plain
  %q = arith.constant dense<[[0.1, 0.2, -0.1, 0.3], [0.2, 0.1, 0.3, -0.2]]> : tensor<2x4xf32>
  %y = nn.attention %q, %coded[0] at %zero scale 0.5 : (tensor<2x4xf32>, !coded) -> tensor<2x4xf32>
  %expected = nn.attention %q, %plain[0] at %zero scale 0.5 : (tensor<2x4xf32>, !plain) -> tensor<2x4xf32>
  check.equal %y, %expected : tensor<2x4xf32>
  return
}

// Orthogonal: scores of rotated queries and keys are those of the others, and
// the values come back.
func.func @rotation_changes_nothing(%plain: !plain, %rotated: !plain) {
  %k = arith.constant dense<[[1.0, 3.0, 0.5, -2.5]]> : tensor<1x4xf32>
  %v = arith.constant dense<[[-1.0, 5.0, 2.0, 3.5]]> : tensor<1x4xf32>
  %q = arith.constant dense<[[0.1, 0.2, -0.1, 0.3]]> : tensor<1x4xf32>
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  nn.kv_append %k, %v into %plain[0] at %zero : tensor<1x4xf32>, !plain
  nn.kv_append %v, %k into %plain[0] at %one : tensor<1x4xf32>, !plain
  %expected = nn.attention %q, %plain[0] at %one scale 0.5 : (tensor<1x4xf32>, !plain) -> tensor<1x4xf32>
  %kr = nn.hadamard %k group 2 : tensor<1x4xf32>
  %vr = nn.hadamard %v group 2 : tensor<1x4xf32>
  %qr = nn.hadamard %q group 2 : tensor<1x4xf32>
  nn.kv_append %kr, %vr into %rotated[0] at %zero : tensor<1x4xf32>, !plain
  nn.kv_append %vr, %kr into %rotated[0] at %one : tensor<1x4xf32>, !plain
  %a = nn.attention %qr, %rotated[0] at %one scale 0.5 : (tensor<1x4xf32>, !plain) -> tensor<1x4xf32>
  %y = nn.hadamard %a group 2 : tensor<1x4xf32>
  check.within %y, %expected absolute 1.0e-06 : tensor<1x4xf32>
  return
}
