// RUN: quant-opt %s --canonicalize | FileCheck %s

// Rounding to codes loses something: the pair stays.

// CHECK-LABEL: func @lossy
func.func @lossy(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: qt.quantize
  // CHECK: qt.dequantize
  %q = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>
  %y = qt.dequantize %q : tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>> to tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// bf16 codes do not hold every f32.

// CHECK-LABEL: func @narrow
func.func @narrow(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: qt.quantize
  // CHECK: qt.dequantize
  %q = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<bf16>>
  %y = qt.dequantize %q : tensor<?x64xf32, #qt.format<bf16>> to tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// f32 codes are the numbers themselves.

// CHECK-LABEL: func @exact
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>
func.func @exact(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: return %[[X]]
  %q = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<f32>>
  %y = qt.dequantize %q : tensor<?x64xf32, #qt.format<f32>> to tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// Decoding and coding again is no identity either: the scale is found anew.

// CHECK-LABEL: func @recode
func.func @recode(%q: tensor<4x64xf32, #qt.format<q4_0>>) -> tensor<4x64xf32, #qt.format<q4_0>> {
  // CHECK: qt.dequantize
  // CHECK: qt.quantize
  %x = qt.dequantize %q : tensor<4x64xf32, #qt.format<q4_0>> to tensor<4x64xf32>
  %r = qt.quantize %x : tensor<4x64xf32> to tensor<4x64xf32, #qt.format<q4_0>>
  return %r : tensor<4x64xf32, #qt.format<q4_0>>
}

// An unused quantize goes away, an observation does not.

// CHECK-LABEL: func @dead
func.func @dead(%x: tensor<?x64xf32>) {
  // CHECK-NEXT: qt.observe
  // CHECK-NEXT: return
  %q = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>
  qt.observe %x as "x" : tensor<?x64xf32>
  return
}
