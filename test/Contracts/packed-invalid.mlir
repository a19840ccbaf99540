// RUN: quant-opt %s --quant-verify-contract=stage=packed \
// RUN:   --split-input-file --verify-diagnostics

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+2 {{'arith.negf' op in stage 'packed' expects func, param, arith.constant or qk.kernel, but got arith.negf}}
  // expected-note@+1 {{no phase makes it; models are written in nn operations}}
  %y = arith.negf %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @constant() -> tensor<257xf32> {
  // expected-error@+2 {{'arith.constant' op in stage 'packed' expects at most 1024 bytes of data, but got 1028}}
  // expected-note@+1 {{values of weights stay in their files: use a param.global}}
  %c = arith.constant dense<1.0> : tensor<257xf32>
  return %c : tensor<257xf32>
}

// -----

func.func @linear(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
  // expected-error@+2 {{'nn.linear' op in stage 'packed' expects func, param, arith.constant or qk.kernel, but got nn.linear}}
  // expected-note@+1 {{pack-lower-to-kernels replaces it}}
  %y = nn.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

func.func @quantize(%x: tensor<?x64xf32>) {
  // expected-error@+2 {{'qt.quantize' op in stage 'packed' expects func, param, arith.constant or qk.kernel, but got qt.quantize}}
  // expected-note@+1 {{pack-lower-to-kernels replaces it}}
  %q = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #qt.format<int8_g32>>
  return
}

// -----

func.func @dequantize(%q: tensor<?x64xf32, #qt.format<int8_g32>>) {
  // expected-error@+2 {{'qt.dequantize' op in stage 'packed' expects func, param, arith.constant or qk.kernel, but got qt.dequantize}}
  // expected-note@+1 {{no kernel only decodes; a kernel reads the encoded value itself}}
  %x = qt.dequantize %q : tensor<?x64xf32, #qt.format<int8_g32>> to tensor<?x64xf32>
  return
}

// -----

// expected-error@+2 {{'param.global' op in stage 'packed' expects a #qk.layout, but got none}}
// expected-note@+1 {{pack-assign-layouts gives each weight a layout that fits}}
param.global @no_layout : tensor<4x64xf32, #qt.format<q4_0>> = #param.splat<1.0 : f32>

// -----

// expected-error@+2 {{'param.global' op in stage 'packed' expects a layout that fits, but got segment 0: plane 'code', row 0, col 31, bit 7: expects a bit below 144}}
// expected-note@+1 {{pack-assign-layouts gives each weight a layout that fits}}
param.global @wrong_layout : tensor<4x64xf32, #qt.format<q8_0>> layout #qk.layout<q4_0> = #param.splat<1.0 : f32>

// -----

// expected-error@+2 {{'param.global' op in stage 'packed' expects a vector or a matrix of numbers that a format describes, but got another type}}
// expected-note@+1 {{pack-assign-layouts gives each weight a layout that fits}}
param.global @rank : tensor<2x4x64xf32> layout #qk.layout<q4_0> = #param.splat<1.0 : f32>

// -----

// expected-error@+2 {{'param.global' op in stage 'packed' expects a vector or a matrix of numbers that a format describes, but got another type}}
// expected-note@+1 {{pack-assign-layouts gives each weight a layout that fits}}
param.global @element : tensor<4x64xf64> layout #qk.layout<q4_0> = #param.splat<1.0 : f32>
