// RUN: quant-translate --interpret %s
// RUN: not quant-translate --interpret %s --entry too_many 2>&1 | FileCheck %s

func.func @keeps_the_tail() {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %dynamic = tensor.cast %x : tensor<3x2xf32> to tensor<?x2xf32>
  %two = arith.constant 2 : index
  %y = nn.last_rows %dynamic, %two : tensor<?x2xf32>
  %expected = arith.constant dense<[[3.0, 4.0], [5.0, 6.0]]> : tensor<2x2xf32>
  %static = tensor.cast %y : tensor<?x2xf32> to tensor<2x2xf32>
  check.equal %static, %expected : tensor<2x2xf32>
  return
}

// Private: only the second RUN line asks for it.
// CHECK: [[#@LINE + 5]]:8: error: 'nn.last_rows' op expects at most 1 rows, but got 2
func.func private @too_many() {
  %x = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %dynamic = tensor.cast %x : tensor<1x2xf32> to tensor<?x2xf32>
  %two = arith.constant 2 : index
  %y = nn.last_rows %dynamic, %two : tensor<?x2xf32>
  return
}
