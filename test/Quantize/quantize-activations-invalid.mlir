// RUN: not quant-opt %s -quantize-quantize-activations="format=q5_9" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %s -quantize-quantize-activations="format=int8_tensor" 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %s -quantize-quantize-activations="format='i8 [1, 48], scale f32'" 2>&1 | FileCheck %s --check-prefix=WIDTH

// NAME: error: expects the name or text of a format, but got 'q5_9'
// ROWS: error: 'nn.linear' op with its input coded: #qt.format expects blocks of 1 row in a tensor with a dynamic first dimension, but got *
// WIDTH: error: 'nn.linear' op with its input coded: expects columns divisible by 48 (one 'scale' a block), but got 64
func.func @forward(%x: tensor<?x64xf32>, %w: tensor<8x64xf32, #qt.format<q4_0>>) -> tensor<?x8xf32> {
  %0 = nn.linear %x, %w : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<q4_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
