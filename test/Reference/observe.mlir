// RUN: quant-translate --interpret %s

// Looking at a value does not change it.
func.func @observe() {
  %x = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  qt.observe %x as "x" : tensor<1x2xf32>
  %y = nn.add %x, %x : tensor<1x2xf32>
  %expected = arith.constant dense<[[2.0, 4.0]]> : tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>
  return
}
