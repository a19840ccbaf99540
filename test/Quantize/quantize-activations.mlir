// RUN: quant-opt %s -split-input-file -quantize-quantize-activations -verify-diagnostics | FileCheck %s
// RUN: quant-opt %s -split-input-file -quantize-quantize-activations="format=int8_channel" -verify-diagnostics | FileCheck %s --check-prefix=GIVEN

// CHECK-DAG: #[[$G128:.*]] = #qt.format<i8 [1, 128], scale f32>
// GIVEN-DAG: #[[$ROW:.*]] = #qt.format<i8 [1, *], scale f32>

// Linears that read the same value share what they can: blocks of 16 and 32
// columns divide the same group.
// CHECK-LABEL: @shared(
// CHECK-SAME: %[[X:.*]]: tensor<?x256xf32>
// GIVEN-LABEL: @shared(
func.func @shared(%x: tensor<?x256xf32>, %a: tensor<8x256xf32, #qt.format<q4_0>>,
                  %b: tensor<8x256xf32, #qt.format<q4_k>>, %c: tensor<8x256xf32, #qt.format<q6_k>>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[A:.*]] = qt.quantize %[[X]] : tensor<?x256xf32> to tensor<?x256xf32, #[[$G128]]>
  // CHECK-NOT: qt.quantize
  // CHECK: nn.linear %[[A]],
  // CHECK: nn.linear %[[A]],
  // CHECK: nn.linear %[[A]],
  // GIVEN-COUNT-1: qt.quantize %{{.*}} to tensor<?x256xf32, #[[$ROW]]>
  // GIVEN-NOT: qt.quantize
  %0 = nn.linear %x, %a : (tensor<?x256xf32>, tensor<8x256xf32, #qt.format<q4_0>>) -> tensor<?x8xf32>
  %1 = nn.linear %x, %b : (tensor<?x256xf32>, tensor<8x256xf32, #qt.format<q4_k>>) -> tensor<?x8xf32>
  %2 = nn.linear %x, %c : (tensor<?x256xf32>, tensor<8x256xf32, #qt.format<q6_k>>) -> tensor<?x8xf32>
  // GIVEN: return
  return %0, %1, %2 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Blocks that no power of two is whole ones of make the groups of the input.
// CHECK-DAG: #[[$G64:.*]] = #qt.format<i8 [1, 64], scale f32>
// CHECK-DAG: #[[$G48:.*]] = #qt.format<i8 [1, 48], scale f32>
// CHECK-LABEL: @blocks
func.func @blocks(%x: tensor<?x192xf32>, %a: tensor<8x192xf32, #qt.format<q4_0>>,
                  %b: tensor<8x192xf32, #qt.format<i4 [1, 48], scale f16>>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-DAG: %[[A:.*]] = qt.quantize %{{.*}} : tensor<?x192xf32> to tensor<?x192xf32, #[[$G64]]>
  // CHECK-DAG: %[[B:.*]] = qt.quantize %{{.*}} : tensor<?x192xf32> to tensor<?x192xf32, #[[$G48]]>
  // CHECK: nn.linear %[[A]],
  // CHECK: nn.linear %[[B]],
  %0 = nn.linear %x, %a : (tensor<?x192xf32>, tensor<8x192xf32, #qt.format<q4_0>>) -> tensor<?x8xf32>
  %1 = nn.linear %x, %b : (tensor<?x192xf32>, tensor<8x192xf32, #qt.format<i4 [1, 48], scale f16>>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// A scale for a whole channel says nothing about groups of the input.
// CHECK-DAG: #[[$G64:.*]] = #qt.format<i8 [1, 64], scale f32>
// CHECK-DAG: #[[$G4:.*]] = #qt.format<i8 [1, 4], scale f32>
// CHECK-LABEL: @channel
func.func @channel(%x: tensor<?x64xf32>, %y: tensor<?x44xf32>, %a: tensor<8x64xf32, #qt.format<int8_channel>>,
                   %b: tensor<8x44xf32, #qt.format<int8_channel>>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-DAG: qt.quantize %{{.*}} : tensor<?x64xf32> to tensor<?x64xf32, #[[$G64]]>
  // CHECK-DAG: qt.quantize %{{.*}} : tensor<?x44xf32> to tensor<?x44xf32, #[[$G4]]>
  %0 = nn.linear %x, %a : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<int8_channel>>) -> tensor<?x8xf32>
  %1 = nn.linear %y, %b : (tensor<?x44xf32>, tensor<8x44xf32, #qt.format<int8_channel>>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Numbers that are integers but for a power of two can be multiplied as such.
// CHECK-LABEL: @halves
func.func @halves(%x: tensor<?x64xf32>, %a: tensor<8x64xf32, #qt.format<mxfp4>>,
                  %b: tensor<8x64xf32, #qt.format<iq4_nl>>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-COUNT-1: qt.quantize
  // CHECK-NOT: qt.quantize
  %0 = nn.linear %x, %a : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<mxfp4>>) -> tensor<?x8xf32>
  %1 = nn.linear %x, %b : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<iq4_nl>>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Other values become integers of two bytes.
// CHECK-LABEL: @fractions
func.func @fractions(%x: tensor<?x64xf32>, %a: tensor<8x64xf32, #qt.format<nf4>>,
                     %b: tensor<8x64xf32, #qt.format<mxfp8>>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-COUNT-1: qt.quantize
  // CHECK-NOT: qt.quantize
  %0 = nn.linear %x, %a : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<nf4>>) -> tensor<?x8xf32>
  %1 = nn.linear %x, %b : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<mxfp8>>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// What is not integer keeps its input, and a remark says so: floats that no
// scale makes fill their range may be as small as an integer's unit.
// expected-remark @below {{2 nn.linear with a weight in f8E4M3FN cannot be integer and keeps its input}}
module {
  // CHECK-LABEL: @kept
  func.func @kept(%x: tensor<?x64xf32>, %a: tensor<8x64xf32, #qt.format<f8E4M3FN>>, %b: tensor<8x64xbf16>)
      -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
    // CHECK-NOT: qt.quantize
    %0 = nn.linear %x, %a : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<f8E4M3FN>>) -> tensor<?x8xf32>
    %1 = nn.linear %x, %a : (tensor<?x64xf32>, tensor<8x64xf32, #qt.format<f8E4M3FN>>) -> tensor<?x8xf32>
    %2 = nn.linear %x, %b : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
    return %0, %1, %2 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  }
}

// -----

// An input that is coded already stays so.
// CHECK-LABEL: @coded
func.func @coded(%x: tensor<?x64xf32, #qt.format<int8_g32>>, %a: tensor<8x64xf32, #qt.format<q4_0>>) -> tensor<?x8xf32> {
  // CHECK-NOT: qt.quantize
  %0 = nn.linear %x, %a : (tensor<?x64xf32, #qt.format<int8_g32>>, tensor<8x64xf32, #qt.format<q4_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
