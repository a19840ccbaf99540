// RUN: quant-translate --interpret %s
// RUN: not quant-translate --interpret %s --entry nan 2>&1 | FileCheck %s --check-prefix=NAN

// Largest magnitude 3.5: scale 0.5. 1.2 / 0.5 = 2.4 goes to 2, and -1.25 / 0.5 =
// -2.5 to the even -2.
func.func @symmetric() {
  %x = arith.constant dense<[[3.5, 1.2, -1.25, 0.0]]> : tensor<1x4xf32>
  %q = qt.quantize %x : tensor<1x4xf32> to tensor<1x4xf32, #qt.format<i4 [1, 4], scale f16>>
  %y = qt.dequantize %q : tensor<1x4xf32, #qt.format<i4 [1, 4], scale f16>> to tensor<1x4xf32>
  %expected = arith.constant dense<[[3.5, 1.0, -1.0, 0.0]]> : tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>
  return
}

// One scale for two columns.
func.func @one_scale_a_block() {
  %x = arith.constant dense<[[7.0, 3.4, 70.0, 34.0], [0.0, 0.0, 0.7, 0.1]]> : tensor<2x4xf32>
  %q = qt.quantize %x : tensor<2x4xf32> to tensor<2x4xf32, #qt.format<i4 [1, 2], scale f32>>
  %y = qt.dequantize %q : tensor<2x4xf32, #qt.format<i4 [1, 2], scale f32>> to tensor<2x4xf32>
  %expected = arith.constant dense<[[7.0, 3.0, 70.0, 30.0], [0.0, 0.0, 0.7, 0.1]]> : tensor<2x4xf32>
  check.close_ulp %y, %expected max 1 : tensor<2x4xf32>
  return
}

// The number of largest magnitude, -8, becomes the lowest code; 7.6 would be
// code 8 and saturates at 7; 2.5 goes up.
func.func @signed_max() {
  %x = arith.constant dense<[[-8.0, 7.6, 2.5, -2.5]]> : tensor<1x4xf32>
  %q = qt.quantize %x : tensor<1x4xf32> to tensor<1x4xf32, #qt.format<i4 [1, 4], scale f16 from max / -8, round up exact>>
  %y = qt.dequantize %q : tensor<1x4xf32, #qt.format<i4 [1, 4], scale f16 from max / -8, round up exact>> to tensor<1x4xf32>
  %expected = arith.constant dense<[[-8.0, 7.0, 3.0, -2.0]]> : tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>
  return
}

// Range 7.5: scale 0.5, zero point 4.
func.func @zero_point() {
  %x = arith.constant dense<[[-2.0, 0.0, 5.5, 3.1]]> : tensor<1x4xf32>
  %q = qt.quantize %x : tensor<1x4xf32> to tensor<1x4xf32, #qt.format<u4 [1, 4], scale f16, zero u4>>
  %y = qt.dequantize %q : tensor<1x4xf32, #qt.format<u4 [1, 4], scale f16, zero u4>> to tensor<1x4xf32>
  %expected = arith.constant dense<[[-2.0, 0.0, 5.5, 3.0]]> : tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>
  return
}

// Scales 63 and 1 and minima 63 and 1 are codes of u6 under a scale of 1.
// 200 = 63 * 4.17 - 63 becomes 63 * 4 - 63.
func.func @two_levels() {
  %x = arith.constant dense<[[-63.0, 882.0, 200.0, 0.0, -1.0, 14.0, 3.3, 0.0]]> : tensor<1x8xf32>
  %q = qt.quantize %x : tensor<1x8xf32> to tensor<1x8xf32, #qt.format<u4 [1, 4], scale (u6 [1, 2], scale f16), min (u6 [1, 2], scale f16)>>
  %y = qt.dequantize %q : tensor<1x8xf32, #qt.format<u4 [1, 4], scale (u6 [1, 2], scale f16), min (u6 [1, 2], scale f16)>> to tensor<1x8xf32>
  %expected = arith.constant dense<[[-63.0, 882.0, 189.0, 0.0, -1.0, 14.0, 3.0, 0.0]]> : tensor<1x8xf32>
  check.equal %y, %expected : tensor<1x8xf32>
  return
}

// OCP's rule: 5 = 1.25 * 2^2, so that the scale is 2^2 / 2^2 = 1. E2M1 has 4 and
// 6 around 5 and 0.5 and 1 around 0.75; ties go to an even mantissa.
func.func @microscaling() {
  %x = arith.constant dense<[[5.0, -3.4, 0.75, 0.2]]> : tensor<1x4xf32>
  %q = qt.quantize %x : tensor<1x4xf32> to tensor<1x4xf32, #qt.format<f4E2M1FN [1, 4], scale f8E8M0FNU from amax / 4 down>>
  %y = qt.dequantize %q : tensor<1x4xf32, #qt.format<f4E2M1FN [1, 4], scale f8E8M0FNU from amax / 4 down>> to tensor<1x4xf32>
  %expected = arith.constant dense<[[4.0, -3.0, 1.0, 0.0]]> : tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>
  return
}

// 1.00390625 is exact in f32 and rounds to 1 in bf16, the element type.
func.func @rounds_to_the_element_type() {
  %x = arith.constant dense<[[127.0, 1.0]]> : tensor<1x2xbf16>
  %scale = arith.constant dense<[[127.49609375, 0.0]]> : tensor<1x2xf32>
  %q = qt.quantize %scale : tensor<1x2xf32> to tensor<1x2xf32, #qt.format<i8 [1, *], scale f32>>
  %y = qt.dequantize %q : tensor<1x2xf32, #qt.format<i8 [1, *], scale f32>> to tensor<1x2xf32>
  check.close_ulp %y, %scale max 1 : tensor<1x2xf32>
  %qb = qt.quantize %x : tensor<1x2xbf16> to tensor<1x2xbf16, #qt.format<i8 [1, *], scale f32 from amax / 126>>
  %yb = qt.dequantize %qb : tensor<1x2xbf16, #qt.format<i8 [1, *], scale f32 from amax / 126>> to tensor<1x2xbf16>
  // 1 * 127 / 126 = 1.0079365, next to which bf16 has 1.0078125.
  %expected = arith.constant dense<[[127.0, 1.0078125]]> : tensor<1x2xbf16>
  check.equal %yb, %expected : tensor<1x2xbf16>
  return
}

// NAN: error: 'qt.quantize' op {{.*}}row 0{{.*}}column 1
func.func private @nan() {
  %x = arith.constant dense<[[0.0, 0x7FC00000]]> : tensor<1x2xf32>
  %q = qt.quantize %x : tensor<1x2xf32> to tensor<1x2xf32, #qt.format<i4 [1, 2], scale f32>>
  return
}
