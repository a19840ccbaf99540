// RUN: quant-opt %s -quantize-expand-column-transforms --split-input-file --verify-diagnostics

#f = #qt.format<i4 [1, 32], scale f16, columns ordered>
#x = #qt.format<i8 [1, 32], scale f32>
param.global @w : tensor<96x64xbf16, #f> = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">
func.func @quantized(%x: tensor<?x64xf32, #x>) -> tensor<?x96xf32> {
  %w = param.load @w : tensor<96x64xbf16, #f>
  // expected-error@below {{'nn.linear' op expects an input without an encoding, since its weight has column transforms, but got 'tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>'}}
  %y = nn.linear %x, %w : (tensor<?x64xf32, #x>, tensor<96x64xbf16, #f>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// -----

#f = #qt.format<i4 [1, 32], scale f16, columns ordered>
param.global @w : tensor<96x64xbf16, #f> = #qt.encode<#param.external<"model", "w">, from = bf16, solver = "rtn">
func.func @other() -> tensor<96x64xbf16> {
  %w = param.load @w : tensor<96x64xbf16, #f>
  // expected-error@below {{'qt.dequantize' op expects a weight without column transforms, but got 'tensor<96x64xbf16, #qt.format<i4 [1, 32], scale f16, columns ordered>>'}}
  %y = qt.dequantize %w : tensor<96x64xbf16, #f> to tensor<96x64xbf16>
  return %y : tensor<96x64xbf16>
}

// -----

#f = #qt.format<i4 [1, 32], scale f16, columns ordered>
// expected-error@below {{'param.global' op expects #qt.encode or #qk.stored as the value of a weight with column transforms, but got #param.splat<1.000000e+00 : f32>}}
param.global @w : tensor<96x64xbf16, #f> = #param.splat<1.0 : f32>
