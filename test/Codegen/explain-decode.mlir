// RUN: quant-opt %s --codegen-select-kernel="isa=avx512 explain" -o /dev/null 2>&1 | FileCheck %s --check-prefix=WIDE
// RUN: quant-opt %s --codegen-select-kernel="isa=portable explain" -o /dev/null 2>&1 | FileCheck %s --check-prefix=BASE
// RUN: quant-opt %s --codegen-select-kernel="isa=avx512" -o /dev/null 2>&1 | count 0

// WIDE: remark: decode codebook @iq4nl [1, 32], scale f16 from max / -127 on avx512: code bits 0 to 3; byte shuffle, for its 16 values are 8-bit integers and fit a register of 16; products by vpdpbusd; scaled every 32 columns; predicted cycles of 64 codes and 6 rows: decode {{[0-9.]+}}, scale {{[0-9.]+}}, products {{[0-9.]+}}, together {{[0-9.]+}}; decoded once from 12 rows on: {{[0-9.]+}} once and {{[0-9.]+}} in each 6 rows
// BASE: remark: decode codebook @iq4nl [1, 32], scale f16 from max / -127 on portable: code bits 0 to 3; byte by byte, for the target has no table look-up; products by 32-bit multiplies; scaled every 32 columns; predicted cycles of 64 codes and 2 rows: decode {{[0-9.]+}}, scale {{[0-9.]+}}, products {{[0-9.]+}}, together {{[0-9.]+}}; decoded once from 2 rows on: {{[0-9.]+}} once and {{[0-9.]+}} in each 2 rows
#iq4_nl = #qt.format<iq4_nl>
#a8 = #qt.format<i8 [1, 32], scale f32>
#panel = #qk.layout<tile [16, 32] 288B { scale{0:16} @0 row(16:16); code{0:4} @256 row(16:32) col(4:8, 2:4, 4:512) }>

param.global @w : tensor<64x64xf32, #iq4_nl> layout #panel
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">

func.func @forward(%x: tensor<?x64xf32, #a8>) -> tensor<?x64xf32> {
  %w = param.load @w : tensor<64x64xf32, #iq4_nl>
  %y = qk.kernel linear(%x, %w) {compute = "int8", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32, #a8>, tensor<64x64xf32, #iq4_nl>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
