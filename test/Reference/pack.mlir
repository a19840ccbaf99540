// RUN: quant-translate --interpret %s

// The scale 1.0 is 0x3C00 in f16. Codes are stored with 8 added, element i in
// the low half of byte i and element i + 16 in the high half.
func.func @q4_0() {
  %x = arith.constant dense<[[-8.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0]]> : tensor<1x32xf32>
  %q = qt.quantize %x : tensor<1x32xf32> to tensor<1x32xf32, #qt.format<q4_0>>
  %b = qk.pack %q layout(#qk.layout<q4_0>) : tensor<1x32xf32, #qt.format<q4_0>> to tensor<18xi8>
  %expected = arith.constant dense<[0, 60, 176, 137, 136, 136, 136, 136, 136, 136, 136, 136, 136, 136, 136, 136, 136, 248]> : tensor<18xi8>
  check.equal %b, %expected : tensor<18xi8>

  %r = qk.unpack %b layout(#qk.layout<q4_0>) : tensor<18xi8> to tensor<1x32xf32, #qt.format<q4_0>>
  %y = qt.dequantize %r : tensor<1x32xf32, #qt.format<q4_0>> to tensor<1x32xf32>
  check.equal %y, %x : tensor<1x32xf32>
  return
}
