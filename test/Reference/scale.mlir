// RUN: quant-translate --interpret %s

func.func @scale() {
  %x = arith.constant dense<[[1.0, -3.0]]> : tensor<1x2xf32>
  %y = nn.scale %x by 2.5 : tensor<1x2xf32>
  %expected = arith.constant dense<[[2.5, -7.5]]> : tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>
  return
}
