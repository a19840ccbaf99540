// RUN: quant-opt %s --quant-verify-contract=stage=kernels \
// RUN:   --split-input-file --verify-diagnostics

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+2 {{'arith.negf' op in stage 'kernels' expects func, param, arith.constant or qk.kernel, but got arith.negf}}
  // expected-note@+1 {{no phase makes it; models are written in nn operations}}
  %y = arith.negf %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @constant() -> tensor<257xf32> {
  // expected-error@+2 {{'arith.constant' op in stage 'kernels' expects at most 1024 bytes of data, but got 1028}}
  // expected-note@+1 {{values of weights stay in their files: use a param.global}}
  %c = arith.constant dense<1.0> : tensor<257xf32>
  return %c : tensor<257xf32>
}

// -----

func.func @no_tile(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error@+2 {{'qk.kernel' op in stage 'kernels' expects a tile, but got none}}
  // expected-note@+1 {{codegen-select-kernel gives each kernel its tile}}
  %y = qk.kernel add(%x, %x) {operand_roles = ["lhs", "rhs"]} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// expected-error@+2 {{'param.global' op in stage 'kernels' expects a #qk.layout, but got none}}
// expected-note@+1 {{pack-assign-layouts gives each weight a layout that fits}}
param.global @no_layout : tensor<4x64xf32, #qt.format<q4_0>> = #param.splat<1.0 : f32>
