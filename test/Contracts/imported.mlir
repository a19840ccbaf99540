// RUN: quant-opt %s --quant-verify-contract=stage=imported | FileCheck %s

// What importers make: nn operations on named weights.

param.global @norm : tensor<64xf32> = #param.external<"model", "norm">
param.global @embed : tensor<512x64xbf16> = #param.external<"model", "embed">
// A checkpoint may hold codes already.
param.global @quantized : tensor<64x64xf32, #qt.format<q4_0>> = #param.external<"model", "quantized">

// CHECK-LABEL: func @forward
func.func @forward(%tokens: tensor<?xi32>, %position: index, %cache: !nn.kv_cache<layers = 1, heads = 4, head_dim = 8, element = f16>) -> tensor<?x64xf32> {
  %rows = arith.constant 1 : index
  %g = param.load @norm : tensor<64xf32>
  %e = param.load @embed : tensor<512x64xbf16>
  %w = param.load @quantized : tensor<64x64xf32, #qt.format<q4_0>>
  %x = nn.embedding %tokens, %e : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
  %h = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %q = nn.linear %h, %w : (tensor<?x64xf32>, tensor<64x64xf32, #qt.format<q4_0>>) -> tensor<?x64xf32>
  %t = nn.last_rows %q, %rows : tensor<?x64xf32>
  return %t : tensor<?x64xf32>
}
