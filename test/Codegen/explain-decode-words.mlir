// RUN: quant-opt %s --codegen-select-kernel="isa=avx512 explain" -o /dev/null 2>&1 | FileCheck %s --check-prefix=WIDE
// RUN: quant-opt %s --codegen-select-kernel="isa=avx2 explain" -o /dev/null 2>&1 | FileCheck %s --check-prefix=NARROW

// Fractions are integers of two bytes.
// WIDE: byte shuffle, for its 16 values are rounded to 16-bit integers and fit a register of 16; products by vpdpbusd, of high bytes and of low ones;
// NARROW: byte shuffle, for its 16 values are rounded to 16-bit integers and fit a register of 16; products of words by pmaddwd;
#nf4 = #qt.format<nf4>
#a8 = #qt.format<i8 [1, 64], scale f32>
#panel = #qk.layout<tile [16, 64] 576B { scale{0:32} @0 row(16:32); code{0:4} @512 row(16:32) col(4:8, 2:4, 8:512) }>
param.global @w : tensor<64x64xf32, #nf4> layout #panel
    = #qt.encode<#param.external<"model", "w">, from = f32, solver = "rtn">
func.func @forward(%x: tensor<?x64xf32, #a8>) -> tensor<?x64xf32> {
  %w = param.load @w : tensor<64x64xf32, #nf4>
  %y = qk.kernel linear(%x, %w) {compute = "int8", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32, #a8>, tensor<64x64xf32, #nf4>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
