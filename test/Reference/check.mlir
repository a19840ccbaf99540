// RUN: quant-translate --interpret %s
// RUN: not quant-translate --interpret %s --entry equal_integers 2>&1 | FileCheck %s --check-prefix=INTEGERS
// RUN: not quant-translate --interpret %s --entry equal_zeros 2>&1 | FileCheck %s --check-prefix=ZEROS
// RUN: not quant-translate --interpret %s --entry ulp 2>&1 | FileCheck %s --check-prefix=ULP
// RUN: not quant-translate --interpret %s --entry ulp_nan 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not quant-translate --interpret %s --entry within 2>&1 | FileCheck %s --check-prefix=WITHIN
// RUN: not quant-translate --interpret %s --entry bound 2>&1 | FileCheck %s --check-prefix=BOUND
// RUN: not quant-translate --interpret %s --entry shapes 2>&1 | FileCheck %s --check-prefix=SHAPES

// What holds.
func.func @holds() {
  %nan = arith.constant dense<[0x7FC00000, 1.0]> : tensor<2xf32>
  check.equal %nan, %nan : tensor<2xf32>
  check.close_ulp %nan, %nan max 0 : tensor<2xf32>
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %negative = arith.constant dense<-0.0> : tensor<2xf32>
  check.close_ulp %zero, %negative max 0 : tensor<2xf32>
  %a = arith.constant dense<[1.0, 1.0078125]> : tensor<2xbf16>
  %b = arith.constant dense<[1.0078125, 1.0]> : tensor<2xbf16>
  check.close_ulp %a, %b max 1 : tensor<2xbf16>
  check.within %a, %b absolute 0.0078125 : tensor<2xbf16>
  return
}

// INTEGERS: error: 'check.equal' op expects -3 at [1, 0], but got 3
func.func private @equal_integers() {
  %a = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %b = arith.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi32>
  check.equal %a, %b : tensor<2x2xi32>
  return
}

// ZEROS: error: 'check.equal' op expects -0 at [1], but got 0
func.func private @equal_zeros() {
  %a = arith.constant dense<[1.0, 0.0]> : tensor<2xf32>
  %b = arith.constant dense<[1.0, -0.0]> : tensor<2xf32>
  check.equal %a, %b : tensor<2xf32>
  return
}

// ULP: error: 'check.close_ulp' op expects -1 to 2 ULP at [0, 1], but got -0.999999821, 3 ULP away
func.func private @ulp() {
  %a = arith.constant dense<[[1.0, -0.99999982]]> : tensor<1x2xf32>
  %b = arith.constant dense<[[1.0, -1.0]]> : tensor<1x2xf32>
  check.close_ulp %a, %b max 2 : tensor<1x2xf32>
  return
}

// NAN: error: 'check.close_ulp' op expects 1 to 9223372036854775807 ULP at [0], but got nan
func.func private @ulp_nan() {
  %a = arith.constant dense<[0x7FC00000]> : tensor<1xf32>
  %b = arith.constant dense<[1.0]> : tensor<1xf32>
  check.close_ulp %a, %b max 9223372036854775807 : tensor<1xf32>
  return
}

// WITHIN: error: 'check.within' op expects 1 within 0.25 at [1], but got 1.5, 0.5 away
func.func private @within() {
  %a = arith.constant dense<[1.25, 1.5]> : tensor<2xf32>
  %b = arith.constant dense<[1.0, 1.0]> : tensor<2xf32>
  check.within %a, %b absolute 0.25 : tensor<2xf32>
  return
}

// BOUND: error: 'check.within' op expects 1 within 0.125 at [0], but got 1.25, 0.25 away
func.func private @bound() {
  %a = arith.constant dense<[1.25, 1.5]> : tensor<2xf32>
  %b = arith.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %bound = arith.constant dense<[0.125, 0.5]> : tensor<2xf32>
  check.within %a, %b bound %bound : tensor<2xf32> : tensor<2xf32>
  return
}

// SHAPES: error: 'check.equal' op expects shape [1], but got [2]
func.func private @shapes() {
  %a = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = arith.constant dense<[1.0]> : tensor<1xf32>
  %c = tensor.cast %a : tensor<2xf32> to tensor<?xf32>
  %d = tensor.cast %b : tensor<1xf32> to tensor<?xf32>
  check.equal %c, %d : tensor<?xf32>
  return
}
