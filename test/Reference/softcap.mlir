// RUN: quant-translate --interpret %s

// tanh(ln 2) = 3/5; what is far from zero is at the cap.
func.func @softcap() {
  %x = arith.constant dense<[[1.38629436, 0.0, -1000.0]]> : tensor<1x3xf32>
  %y = nn.softcap %x cap 2.0 : tensor<1x3xf32>
  %expected = arith.constant dense<[[1.2, 0.0, -2.0]]> : tensor<1x3xf32>
  check.close_ulp %y, %expected max 1 : tensor<1x3xf32>
  return
}
