// RUN: quant-opt %s --verify-roundtrip | FileCheck %s

// A named format prints once, as an alias called after its name; a name in the
// text of a format is only another way to write it.

// CHECK-DAG: #q4_k = #qt.format<u4 [1, 32], scale (u6 [1, 8], scale f16), min (u6 [1, 8], scale f16)>
// CHECK-DAG: #nf4 = #qt.format<codebook @nf4 [1, 64], scale f32>
// CHECK-DAG: #int8_channel = #qt.format<i8 [1, *], scale f32>
// CHECK-DAG: #q4_0 = #qt.format<i4 [1, 32], scale f16 from max / -8, round up exact>
// CHECK-DAG: #mxfp4 = #qt.format<f4E2M1FN [1, 32], scale f8E8M0FNU from amax / 4 down>
// CHECK-DAG: #[[BLOCKS:format[0-9]*]] = #qt.format<u3 [2, 12], scale (f8E4M3FN [*, *], scale f32), zero u3>
// CHECK-DAG: #[[CODEBOOK:format[0-9]*]] = #qt.format<codebook [-1, -0.69, 0.5, 1] [1, 64], scale f32>
// CHECK-DAG: #[[ORDERED:format[0-9]*]] = #qt.format<i4 [1, 32], scale f16, columns ordered>
// CHECK-DAG: #[[UNSCALED:format[0-9]*]] = #qt.format<f8E4M3FN>

// CHECK: func private @named(tensor<4x64xf32, #q4_0>, tensor<4x64xf32, #q4_0>)
func.func private @named(tensor<4x64xf32, #qt.format<q4_0>>,
    tensor<4x64xf32, #qt.format< i4 [32], scale f16 from max / -8, round up exact >>)

// CHECK: func private @granularities(tensor<8x256xf32, #q4_k>, tensor<?x64xf32, #int8_channel>, tensor<8x64xbf16, #mxfp4>, tensor<8x64xf16, #nf4>)
func.func private @granularities(tensor<8x256xf32, #qt.format<q4_k>>,
    tensor<?x64xf32, #qt.format<i8 [1, *], scale f32>>,
    tensor<8x64xbf16, #qt.format<mxfp4>>, tensor<8x64xf16, #qt.format<nf4>>)

// Formats without a name, to any depth: blocks of rows and columns, values in
// line, zero points. Their aliases are numbered.

// CHECK: func private @anonymous(tensor<4x60xf32, #[[BLOCKS]]>, tensor<8x64xf32, #[[CODEBOOK]]>, tensor<3x5xf32, #[[UNSCALED]]>)
func.func private @anonymous(
    tensor<4x60xf32, #qt.format<u3 [2, 12], scale (f8E4M3FN [*, *], scale f32), zero u3>>,
    tensor<8x64xf32, #qt.format<codebook [-1, -0.69, 0.5, 1] [1, 64], scale f32>>,
    tensor<3x5xf32, #qt.format<f8E4M3FN>>)

// CHECK: param.global @w : tensor<8x64xf32, #q4_0> = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">
param.global @w : tensor<8x64xf32, #qt.format<q4_0>>
    = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">

// CHECK: param.global @order : tensor<1x64xf32, #{{.*}}> = #qt.encode<#qt.part<#param.external<"model", "w">, of = tensor<8x64xbf16, #[[ORDERED]]>, part = "order">, from = f32, solver = "rtn">
param.global @order : tensor<1x64xf32, #qt.format<u16>>
    = #qt.encode<#qt.part<#param.external<"model", "w">, of = tensor<8x64xbf16, #qt.format<i4 [1, 32], scale f16, columns ordered>>, part = "order">, from = f32, solver = "rtn">

// CHECK-LABEL: func @ops
func.func @ops(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: qt.observe %{{.*}} as "layers.0.input" : tensor<?x64xf32>
  qt.observe %x as "layers.0.input" : tensor<?x64xf32>
  // CHECK: %[[Q:.*]] = qt.quantize %{{.*}} : tensor<?x64xf32> to tensor<?x64xf32, #int8_g32>
  %q = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>
  // CHECK: qt.dequantize %[[Q]] : tensor<?x64xf32, #int8_g32> to tensor<?x64xf32>
  %y = qt.dequantize %q : tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>> to tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
