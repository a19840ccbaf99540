// RUN: quant-opt %s --quant-verify-contract=stage=quantized \
// RUN:   --split-input-file --verify-diagnostics

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+2 {{'arith.negf' op in stage 'quantized' expects func, param, arith.constant, nn, qt.quantize or qt.dequantize, but got arith.negf}}
  // expected-note@+1 {{no phase makes it; models are written in nn operations}}
  %y = arith.negf %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @constant() -> tensor<257xf32> {
  // expected-error@+2 {{'arith.constant' op in stage 'quantized' expects at most 1024 bytes of data, but got 1028}}
  // expected-note@+1 {{values of weights stay in their files: use a param.global}}
  %c = arith.constant dense<1.0> : tensor<257xf32>
  return %c : tensor<257xf32>
}

// -----

func.func @observe(%x: tensor<?x64xf32>) {
  // expected-error@+2 {{'qt.observe' op in stage 'quantized' expects func, param, arith.constant, nn, qt.quantize or qt.dequantize, but got qt.observe}}
  // expected-note@+1 {{calibration removes its observers when it ends}}
  qt.observe %x as "x" : tensor<?x64xf32>
  return
}

// -----

func.func @kernel(%x: tensor<?x64xf32>) {
  // expected-error@+2 {{'qk.kernel' op in stage 'quantized' expects func, param, arith.constant, nn, qt.quantize or qt.dequantize, but got qk.kernel}}
  // expected-note@+1 {{pack-lower-to-kernels makes kernels, after this stage}}
  %q = qk.kernel add(%x, %x) {operand_roles = ["lhs", "rhs"]} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

// expected-error@+2 {{'param.global' op in stage 'quantized' expects no layout, but got one}}
// expected-note@+1 {{pack-assign-layouts gives layouts, after this stage}}
param.global @layout : tensor<4x64xf32, #qt.format<q4_0>> layout #qk.layout<q4_0> = #param.splat<1.0 : f32>

// -----

// expected-error@+2 {{'param.global' op in stage 'quantized' expects a type with a #qt.format beside #qt.encode, but got none}}
// expected-note@+1 {{quantize-assign-encodings sets both}}
param.global @encode : tensor<4x64xf32> = #qt.encode<#param.splat<1.0 : f32>, from = f32, solver = "rtn">

// -----

// expected-error@+2 {{'param.global' op in stage 'quantized' expects a format without column transforms, but got i4 [1, 32], scale f16, columns ordered}}
// expected-note@+1 {{quantize-expand-column-transforms makes them operations}}
param.global @transforms : tensor<4x64xf32, #qt.format<i4 [1, 32], scale f16, columns ordered>> = #qt.encode<#param.splat<1.0 : f32>, from = f32, solver = "rtn">
