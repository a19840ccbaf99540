// RUN: quant-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(pack-assign-layouts)" | FileCheck %s
// RUN: quant-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(pack-assign-layouts{target=dense})" | FileCheck %s --check-prefix=DENSE

// CHECK-DAG: #[[VECTOR:.*]] = #qk.layout<tile [1, *] 256B { code{0:32} @0 col(64:32) }>
// CHECK-DAG: #[[PANEL:.*]] = #qk.layout<tile [16, 64] 576B { scale{0:16} @0 row(16:16) col(2:256); code{0:4} @512 row(16:32) col(4:8, 2:4, 8:512) flip }>
// CHECK-DAG: #[[BF16:.*]] = #qk.layout<tile [16, 64] 2048B { code{0:16} @0 row(16:32) col(2:16, 32:512) }>
// CHECK-DAG: #[[TABLE:.*]] = #qk.layout<tile [1, *] 16B { code{0:32} @0 col(4:32) }>
// CHECK-DAG: #[[NUMBERS:.*]] = #qk.layout<tile [1, *] 128B { code{0:16} @0 col(64:16) }>
// CHECK-DAG: #[[GGUF:.*]] = #qk.layout<tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }>

// DENSE-DAG: #[[ROWS:.*]] = #qk.layout<tile [1, *] 32B { code{0:4} @0 col(64:4) } + tile [1, *] 4B { scale{0:16} @0 col(2:16) }>

// CHECK: param.global @norm : tensor<64xf32> layout #[[VECTOR]] = #param.external<"model", "norm">
param.global @norm : tensor<64xbf16> = #param.external<"model", "norm">
// CHECK: param.global @w : tensor<48x64xf32, {{.*}}> layout #[[PANEL]] = #qt.encode
// DENSE: param.global @w : tensor<48x64xf32, {{.*}}> layout #[[ROWS]] = #qt.encode
param.global @w : tensor<48x64xf32, #qt.format<q4_0>> = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
// CHECK: param.global @plain : tensor<48x64xbf16> layout #[[BF16]]
param.global @plain : tensor<48x64xbf16> = #param.external<"model", "plain">
// CHECK: param.global @table : tensor<8x4xf32> layout #[[TABLE]]
param.global @table : tensor<8x4xf32> = #nn.rope_table<positions = 8, inverse_frequencies = [1.0, 0.5]>
// A layout that was chosen before stays.
// CHECK: param.global @kept : tensor<48x64xf32, {{.*}}> layout #[[GGUF]]
param.global @kept : tensor<48x64xf32, #qt.format<q4_0>> layout #qk.layout<q4_0> = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">

// One row that kernels read as it is, of numbers of columns or of scales.
// CHECK: param.global @columns : tensor<1x64xf32, #{{.*}}> layout #[[NUMBERS]]
param.global @columns : tensor<1x64xf32, #qt.format<u16>> = #qt.encode<#param.external<"model", "c">, from = f32, solver = "rtn">
// CHECK: param.global @scales : tensor<1x64xbf16> layout #[[NUMBERS]]
param.global @scales : tensor<1x64xbf16> = #param.external<"model", "s">
// CHECK: param.global @one_row : tensor<1x64xbf16> layout #[[BF16]]
param.global @one_row : tensor<1x64xbf16> = #param.external<"model", "o">
func.func @rows(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x1xf32>) {
  %c = param.load @columns : tensor<1x64xf32, #qt.format<u16>>
  %s = param.load @scales : tensor<1x64xbf16>
  %w = param.load @one_row : tensor<1x64xbf16>
  %y = nn.gather_columns %x, %c : (tensor<?x64xf32>, tensor<1x64xf32, #qt.format<u16>>) -> tensor<?x64xf32>
  %z = nn.scale_columns %y, %s : (tensor<?x64xf32>, tensor<1x64xbf16>) -> tensor<?x64xf32>
  %l = nn.linear %z, %w : (tensor<?x64xf32>, tensor<1x64xbf16>) -> tensor<?x1xf32>
  return %z, %l : tensor<?x64xf32>, tensor<?x1xf32>
}

// CHECK-LABEL: @forward
func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: param.load @norm : tensor<64xf32>
  %g = param.load @norm : tensor<64xbf16>
  // CHECK: nn.rms_norm {{.*}} (tensor<?x64xf32>, tensor<64xf32>)
  %h = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xbf16>) -> tensor<?x64xf32>
  return %h : tensor<?x64xf32>
}

// -----

// expected-error @below {{expects a weight of 1 or 2 dimensions, but got 3}}
param.global @cube : tensor<2x3x4xf32> = #param.external<"model", "cube">

// -----

// expected-error @below {{expects a float element type, but got i32}}
param.global @integers : tensor<4x4xi32> = #param.external<"model", "integers">

// -----

// expected-error @below {{layout: plane 'code': expects one place for bit 3 of a code, but got 0}}
param.global @hole : tensor<2x32xf32, #qt.format<q4_0>> layout #qk.layout<tile [1, 32] 18B { scale @0; code{0:3} @16 col(32:4) }>
    = #param.splat<1.0 : f32>

// -----

// expected-error @below {{expects a format without column transforms; run quantize-expand-column-transforms, but got i4 [1, 32], scale f16, columns ordered}}
param.global @transforms : tensor<2x32xf32, #qt.format<i4 [1, 32], scale f16, columns ordered>>
    = #qt.encode<#param.splat<1.0 : f32>, from = f32, solver = "rtn">
