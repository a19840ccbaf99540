// RUN: quant-opt %s --quant-verify-contract=stage=quantized | FileCheck %s

// Each weight is full precision or has an encoding; activations are encoded
// before integer products.

param.global @norm : tensor<64xf32> = #param.external<"model", "norm">
param.global @w : tensor<64x64xf32, #qt.format<q4_0>>
    = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">
param.global @v : tensor<64x64xf32, #qt.format<q4_0>> = #param.external<"model", "v">

// CHECK-LABEL: func @forward
func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %g = param.load @norm : tensor<64xf32>
  %w = param.load @w : tensor<64x64xf32, #qt.format<q4_0>>
  %h = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %q = qt.quantize %h : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<int8_g32>>
  %y = nn.linear %q, %w : (tensor<?x64xf32, #qt.format<int8_g32>>, tensor<64x64xf32, #qt.format<q4_0>>) -> tensor<?x64xf32>
  %d = qt.dequantize %q : tensor<?x64xf32, #qt.format<int8_g32>> to tensor<?x64xf32>
  %z = nn.add %y, %d : tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}
