// RUN: quant-opt %s -verify-diagnostics -pass-pipeline="builtin.module(pack-align-blocks)" | FileCheck %s
// RUN: quant-opt %s -pass-pipeline="builtin.module(pack-align-blocks,pack-assign-layouts)" | FileCheck %s --check-prefix=PACK
// RUN: quant-opt %s -pass-pipeline="builtin.module(pack-assign-layouts{target=dense})" | FileCheck %s --check-prefix=DENSE
// RUN: not quant-opt %s -pass-pipeline="builtin.module(pack-assign-layouts)" 2>&1 | FileCheck %s --check-prefix=UNALIGNED

// UNALIGNED: error: 'param.global' op expects blocks within rows, but got i4 [1, 64] flat, scale f16; run pack-align-blocks

// CHECK-DAG: #[[FLAT:.*]] = #qt.format<i4 [1, 64] flat, scale f16>
// CHECK-DAG: #[[FOUR:.*]] = #qt.format<i4 [1, 4], scale f16>
// CHECK-DAG: #[[WHOLE:.*]] = #qt.format<i4 [1, 64], scale f16>
// CHECK-DAG: #[[NESTED:.*]] = #qt.format<i4 [1, 32], scale (i8 [1, 3], scale f32, mean f32)>
// CHECK-DAG: #[[PLAIN:.*]] = #qt.format<f32>

// DENSE: #[[DENSE:.*]] = #qk.layout<tile [1, 64] flat 32B { code{0:4} @0 col(64:4) } + tile [1, 4096] flat 128B { scale{0:16} @0 col(64:16) }>

// Blocks of 64 end with rows of 64; those of 172 columns are cut every 4.
// CHECK: param.global @whole : tensor<8x64xf32, #[[WHOLE]]> = #qt.encode<#param.external<"model", "whole">, from = f32, solver = "rtn", flat = #[[FLAT]]>
// DENSE: param.global @whole
param.global @whole : tensor<8x64xf32, #qt.format<i4 [64] flat, scale f16>>
    = #qt.encode<#param.external<"model", "whole">, from = f32, solver = "rtn">
// CHECK: param.global @cut : tensor<64x172xbf16, #[[FOUR]]> = #qt.encode<{{.*}}, from = bf16, solver = "mse", flat = #[[FLAT]]>
// PACK: param.global @cut : {{.*}} layout
// DENSE: param.global @cut : {{.*}} layout #[[DENSE]]
// expected-remark @below {{'cut' and 1 more: blocks of 64 that cross rows of 172 columns become blocks of 4 with repeated scales, 8.00 bits a weight in place of 4.25}}
param.global @cut : tensor<64x172xbf16, #qt.format<i4 [64] flat, scale f16>>
    = #qt.encode<#param.external<"model", "cut">, from = bf16, solver = "mse">
param.global @also : tensor<64x172xbf16, #qt.format<i4 [64] flat, scale f16>>
    = #qt.encode<#param.external<"model", "also">, from = bf16, solver = "rtn">
// Each level ends with the rows: 64 * 3 elements share a scale of a scale.
// CHECK: param.global @nested : tensor<8x96xf32, #[[NESTED]]>
// expected-remark @below {{'nested': blocks of 64 that cross rows of 96 columns become blocks of 32}}
param.global @nested : tensor<8x96xf32, #qt.format<i4 [64] flat, scale (i8 [3], scale f32, mean f32)>>
    = #qt.encode<#param.external<"model", "nested">, from = f32, solver = "rtn">
// CHECK: param.global @odd : tensor<8x65xf32, #[[PLAIN]]> = #qt.encode<{{.*}}, flat = #[[FLAT]]>
// expected-remark @below {{'odd': blocks of 64 that cross rows of 65 columns would become blocks of 1, no multiple of the 4 columns that kernels decode together: the values are kept in f32, 32.00 bits a weight in place of}}
param.global @odd : tensor<8x65xf32, #qt.format<i4 [64] flat, scale f16>>
    = #qt.encode<#param.external<"model", "odd">, from = f32, solver = "rtn">

// Codes that a container holds remember what they are.
// CHECK: param.global @stored : tensor<8x64xf32, #[[WHOLE]]> = #qk.stored<{{.*}}, format = #[[FLAT]]
param.global @stored : tensor<8x64xf32, #qt.format<i4 [64] flat, scale f16>> = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">],
    format = #qt.format<i4 [64] flat, scale f16>,
    layout = #qk.layout<tile [1, 64] flat 32B { code @0 col(64:4) } + tile [1, 64] flat 2B { scale @0 }>>

// CHECK: param.load @cut : tensor<64x172xbf16, #[[FOUR]]>
func.func @loads() -> tensor<64x172xbf16> {
  %w = param.load @cut : tensor<64x172xbf16, #qt.format<i4 [64] flat, scale f16>>
  %x = qt.dequantize %w : tensor<64x172xbf16, #qt.format<i4 [64] flat, scale f16>> to tensor<64x172xbf16>
  return %x : tensor<64x172xbf16>
}
