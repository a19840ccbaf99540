// RUN: quant-opt %s --quant-verify-contract=stage=imported \
// RUN:   --split-input-file --verify-diagnostics

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+2 {{'arith.negf' op in stage 'imported' expects func, param, arith.constant or nn, but got arith.negf}}
  // expected-note@+1 {{no phase makes it; models are written in nn operations}}
  %y = arith.negf %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @constant() -> tensor<257xf32> {
  // expected-error@+2 {{'arith.constant' op in stage 'imported' expects at most 1024 bytes of data, but got 1028}}
  // expected-note@+1 {{values of weights stay in their files: use a param.global}}
  %c = arith.constant dense<1.0> : tensor<257xf32>
  return %c : tensor<257xf32>
}

// -----

func.func @observe(%x: tensor<?x64xf32>) {
  // expected-error@+2 {{'qt.observe' op in stage 'imported' expects func, param, arith.constant or nn, but got qt.observe}}
  // expected-note@+1 {{calibration removes its observers when it ends}}
  qt.observe %x as "x" : tensor<?x64xf32>
  return
}

// -----

func.func @quantize(%x: tensor<?x64xf32>) {
  // expected-error@+2 {{'qt.quantize' op in stage 'imported' expects func, param, arith.constant or nn, but got qt.quantize}}
  // expected-note@+1 {{quantize-quantize-activations inserts it, after this stage}}
  %q = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<int8_g32>>
  return
}

// -----

func.func @kernel(%w: tensor<64x64xf32>) {
  // expected-error@+2 {{'qk.kernel' op in stage 'imported' expects func, param, arith.constant or nn, but got qk.kernel}}
  // expected-note@+1 {{pack-lower-to-kernels makes kernels, after this stage}}
  %q = qk.kernel add(%w, %w) {operand_roles = ["lhs", "rhs"]} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return
}

// -----

func.func @activation(%x: tensor<?x64xf32, #qt.format<int8_g32>>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
  // expected-error@+2 {{'nn.linear' op in stage 'imported' expects an encoding on weights only, but got an activation with one}}
  // expected-note@+1 {{quantize-quantize-activations encodes activations, after this stage}}
  %y = nn.linear %x, %w : (tensor<?x64xf32, #qt.format<int8_g32>>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// expected-error@+2 {{'param.global' op in stage 'imported' expects no layout, but got one}}
// expected-note@+1 {{pack-assign-layouts gives layouts, after this stage}}
param.global @layout : tensor<4x64xf32, #qt.format<q4_0>> layout #qk.layout<q4_0> = #param.splat<1.0 : f32>

// -----

// expected-error@+2 {{'param.global' op in stage 'imported' expects a value as it was imported, but got #qt.encode}}
// expected-note@+1 {{quantize-assign-encodings makes it, after this stage}}
param.global @encode : tensor<4x64xf32, #qt.format<q4_0>> = #qt.encode<#param.splat<1.0 : f32>, from = f32, solver = "rtn">

// -----

func.func @dequantize(%w: tensor<64x64xf32, #qt.format<q4_0>>) {
  // expected-error@+2 {{'qt.dequantize' op in stage 'imported' expects func, param, arith.constant or nn, but got qt.dequantize}}
  // expected-note@+1 {{quantize-quantize-activations and what reads its codes come after this stage}}
  %x = qt.dequantize %w : tensor<64x64xf32, #qt.format<q4_0>> to tensor<64x64xf32>
  return
}
