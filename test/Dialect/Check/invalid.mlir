// RUN: quant-opt %s --split-input-file --verify-diagnostics

func.func @equal_encoded(%a: tensor<4x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'check.equal' op operand #0 must be ranked tensor without an encoding of floating-point or integer values}}
  check.equal %a, %a : tensor<4x64xf32, #qt.format<q4_0>>
  return
}

// -----

func.func @equal_c1(%a: tensor<4xf32>, %b: tensor<8xf32>) {
  // expected-error@below {{'check.equal' op failed to verify that all of {actual, expected} have same type}}
  "check.equal"(%a, %b) : (tensor<4xf32>, tensor<8xf32>) -> ()
  return
}

// -----

func.func @close_ulp_c1(%a: tensor<4xf32>, %b: tensor<8xf32>) {
  // expected-error@below {{'check.close_ulp' op failed to verify that all of {actual, expected} have same type}}
  "check.close_ulp"(%a, %b) {max = 1 : i64} : (tensor<4xf32>, tensor<8xf32>) -> ()
  return
}

// -----

func.func @close_ulp_c2(%a: tensor<4xf32>) {
  // expected-error@below {{'check.close_ulp' op attribute 'max' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  check.close_ulp %a, %a max -1 : tensor<4xf32>
  return
}

// -----

func.func @within_c1(%a: tensor<4xf32>, %b: tensor<8xf32>) {
  // expected-error@below {{'check.within' op failed to verify that all of {actual, expected} have same type}}
  "check.within"(%a, %b) {absolute = 1.0 : f64} : (tensor<4xf32>, tensor<8xf32>) -> ()
  return
}

// -----

func.func @within_c2_neither(%a: tensor<4xf32>) {
  // expected-error@below {{'check.within' op expects either 'bound' or 'absolute', but got neither}}
  check.within %a, %a : tensor<4xf32>
  return
}

// -----

func.func @within_c2_both(%a: tensor<4xf32>) {
  // expected-error@below {{'check.within' op expects either 'bound' or 'absolute', but got both}}
  check.within %a, %a bound %a : tensor<4xf32> absolute 1.0 : tensor<4xf32>
  return
}

// -----

func.func @within_c3(%a: tensor<4xf32>, %b: tensor<8xf32>) {
  // expected-error@below {{'check.within' op expects a bound of type 'tensor<4xf32>', but got 'tensor<8xf32>'}}
  check.within %a, %a bound %b : tensor<8xf32> : tensor<4xf32>
  return
}

// -----

func.func @within_c4(%a: tensor<4xf32>) {
  // expected-error@below {{'check.within' op expects a bound that is not negative, but got -1.000000e+00 : f64}}
  check.within %a, %a absolute -1.0 : tensor<4xf32>
  return
}
