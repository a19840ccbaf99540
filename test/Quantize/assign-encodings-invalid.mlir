// RUN: not quant-opt %s -quantize-assign-encodings="format=q4_9" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %s -quantize-assign-encodings="solver=best" 2>&1 | FileCheck %s --check-prefix=SOLVER
// RUN: not quant-opt %s -quantize-assign-encodings="rules=*w=q8_0,*.layers.*=q4_0" 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: not quant-opt %s -quantize-assign-encodings="rules=norm=q8_0" 2>&1 | FileCheck %s --check-prefix=NORM
// RUN: not quant-opt %s -quantize-assign-encodings="rules=embedding:w=q8_0" 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not quant-opt %s -quantize-assign-encodings="rules=q8_0" 2>&1 | FileCheck %s --check-prefix=SYNTAX
// RUN: not quant-opt %s -quantize-assign-encodings="rules=[w=q8_0" 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not quant-opt %s -quantize-assign-encodings="format=int4_block fallback=q8_0" 2>&1 | FileCheck %s --check-prefix=FIT

// NAME: error: expects the name or text of a format, but got 'q4_9'; known names are f32, f16,
// SOLVER: error: expects solver 'rtn' or 'mse', but got 'best'
// UNUSED: error: rule '*.layers.*=q4_0': expects to match a weight of an nn.linear or nn.embedding, but got no match
// NORM: error: rule 'norm=q8_0': expects to match a weight of an nn.linear or nn.embedding, but got no match
// KIND: error: rule 'embedding:w=q8_0': expects to match
// SYNTAX: error: rule 'q8_0': expects PATTERN=FORMAT, but got 'q8_0'
// GLOB: error: rule '[w=q8_0': expects a glob pattern, but got '[w'
// FIT: error: 'param.global' op int4_block expects rows divisible by 16 (one 'scale' a block), but got 8, and no fallback format fits
param.global @norm : tensor<44xf32> = #param.external<"model", "norm">
param.global @w : tensor<8x44xf32> = #param.external<"model", "w">
func.func @forward(%x: tensor<?x44xf32>) -> tensor<?x8xf32> {
  %g = param.load @norm : tensor<44xf32>
  %h = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x44xf32>, tensor<44xf32>) -> tensor<?x44xf32>
  %w = param.load @w : tensor<8x44xf32>
  %y = nn.linear %h, %w : (tensor<?x44xf32>, tensor<8x44xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
