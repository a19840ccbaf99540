// RUN: quant-opt %s --quant-verify-contract=stage=calibrated \
// RUN:   --split-input-file --verify-diagnostics

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+2 {{'arith.negf' op in stage 'calibrated' expects func, param, arith.constant or nn, but got arith.negf}}
  // expected-note@+1 {{no phase makes it; models are written in nn operations}}
  %y = arith.negf %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @constant() -> tensor<257xf32> {
  // expected-error@+2 {{'arith.constant' op in stage 'calibrated' expects at most 1024 bytes of data, but got 1028}}
  // expected-note@+1 {{values of weights stay in their files: use a param.global}}
  %c = arith.constant dense<1.0> : tensor<257xf32>
  return %c : tensor<257xf32>
}

// -----

func.func @observe(%x: tensor<?x64xf32>) {
  // expected-error@+2 {{'qt.observe' op in stage 'calibrated' expects func, param, arith.constant or nn, but got qt.observe}}
  // expected-note@+1 {{calibration removes its observers when it ends}}
  qt.observe %x as "x" : tensor<?x64xf32>
  return
}
