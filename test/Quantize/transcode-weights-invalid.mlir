// RUN: not quant-opt %s -quantize-transcode-weights="format=q4_9" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %s -quantize-transcode-weights="format=q8_0 solver=best" 2>&1 | FileCheck %s --check-prefix=SOLVER
// RUN: not quant-opt %s -quantize-transcode-weights="format=q8_0 rules=norm=q8_0" 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: not quant-opt %s -quantize-transcode-weights="format=q4_0" 2>&1 | FileCheck %s --check-prefix=LOSS
// RUN: not quant-opt %s -quantize-transcode-weights="format='u1 * 2 - 1 [32], scale f16' re-encode=true" 2>&1 | FileCheck %s --check-prefix=IMPOSSIBLE
// RUN: not quant-opt %s -quantize-transcode-weights="format=int4_g64" 2>&1 | FileCheck %s --check-prefix=SHAPE

// NAME: error: expects the name or text of a format, but got 'q4_9'; known names are f32, f16,
// SOLVER: error: expects solver 'rtn' or 'mse', but got 'best'
// UNUSED: error: rule 'norm=q8_0': expects to match a weight of an nn.linear or nn.embedding, but got no match

// All that is lost is told, weight by weight.
// LOSS: error: expects weights whose codes have equals in the format that they are to get, but got 3 of 4 that have none; what is bounded can be decoded and coded again (re-encode),
// LOSS-NEXT: f16 to q4_0, which is to quantize: f16 are numbers and no codes
// LOSS-NEXT: {{^    plain$}}
// LOSS-NEXT: q8_0 to q4_0, bounded: no factor takes the values of i8 to values of i4, which has no -128; error at most 0.188 of the largest value of a block + 2.5e-07, for values up to 5.24e+05
// LOSS-NEXT: {{^    first$}}
// LOSS-NEXT: {{^    second$}}

// IMPOSSIBLE: q8_0 to u1 * 2 - 1 [1, 32], scale f16, impossible:
// IMPOSSIBLE-SAME: no better than 0 is
// SHAPE: int4_g64 expects columns divisible by 64 (one 'scale' a block), but got 160
param.global @norm : tensor<160xf32> = #param.external<"model", "norm">
param.global @first : tensor<160x160xf32, #qt.format<q8_0>> = #qk.stored<
    [#param.external<"model", "first">], format = #qt.format<q8_0>, layout = #qk.layout<q8_0>>
param.global @second : tensor<160x160xf32, #qt.format<q8_0>> = #qk.stored<
    [#param.external<"model", "second">], format = #qt.format<q8_0>, layout = #qk.layout<q8_0>>
param.global @plain : tensor<160x160xf16> = #param.external<"model", "plain">
param.global @fine : tensor<160x160xf32, #qt.format<q4_0>> = #qk.stored<
    [#param.external<"model", "fine">], format = #qt.format<q4_0>, layout = #qk.layout<q4_0>>
func.func @forward(%x: tensor<?x160xf32>) -> tensor<?x160xf32> {
  %g = param.load @norm : tensor<160xf32>
  %0 = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x160xf32>, tensor<160xf32>) -> tensor<?x160xf32>
  %first = param.load @first : tensor<160x160xf32, #qt.format<q8_0>>
  %1 = nn.linear %0, %first : (tensor<?x160xf32>, tensor<160x160xf32, #qt.format<q8_0>>) -> tensor<?x160xf32>
  %second = param.load @second : tensor<160x160xf32, #qt.format<q8_0>>
  %2 = nn.linear %1, %second : (tensor<?x160xf32>, tensor<160x160xf32, #qt.format<q8_0>>) -> tensor<?x160xf32>
  %plain = param.load @plain : tensor<160x160xf16>
  %3 = nn.linear %2, %plain : (tensor<?x160xf32>, tensor<160x160xf16>) -> tensor<?x160xf32>
  %fine = param.load @fine : tensor<160x160xf32, #qt.format<q4_0>>
  %4 = nn.linear %3, %fine : (tensor<?x160xf32>, tensor<160x160xf32, #qt.format<q4_0>>) -> tensor<?x160xf32>
  return %4 : tensor<?x160xf32>
}
