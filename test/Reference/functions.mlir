// RUN: quant-translate --interpret %s
// RUN: not quant-translate --interpret %s --entry endless 2>&1 | FileCheck %s --check-prefix=ENDLESS
// RUN: not quant-translate --interpret %s --entry unknown 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not quant-translate --interpret %s --entry cast 2>&1 | FileCheck %s --check-prefix=CAST
// RUN: not quant-translate --interpret %s --entry twice 2>&1 | FileCheck %s --check-prefix=ARGUMENTS
// RUN: not quant-translate --interpret %s --entry nowhere 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: not quant-translate --interpret %s --entry branches 2>&1 | FileCheck %s --check-prefix=BLOCKS

// ARGUMENTS: error: function 'twice' expects arguments other than caches
func.func private @twice(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %y = nn.add %x, %x : tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// Calls pass values and give results.
func.func @calls() {
  %x = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %dynamic = tensor.cast %x : tensor<2x1xf32> to tensor<?x1xf32>
  %y = call @twice(%dynamic) : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %z = call @twice(%y) : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %expected = arith.constant dense<[[4.0], [8.0]]> : tensor<2x1xf32>
  %static = tensor.cast %z : tensor<?x1xf32> to tensor<2x1xf32>
  check.equal %static, %expected : tensor<2x1xf32>
  return
}

// ENDLESS: error: 'func.func' op expects at most 64 nested calls, but got more
func.func private @endless() {
  call @endless() : () -> ()
  return
}

// UNKNOWN: error: 'arith.addi' op has no evaluation in the reference interpreter
func.func private @unknown() {
  %one = arith.constant 1 : index
  %two = arith.addi %one, %one : index
  return
}

// CAST: error: 'tensor.cast' op its result does not fit its type: expects tensor<3xf32>, but got real numbers of shape [2]
func.func private @cast() {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %dynamic = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
  %y = tensor.cast %dynamic : tensor<?xf32> to tensor<3xf32>
  return
}

// NOWHERE: error: the module has no function 'nowhere'

// BLOCKS: error: 'func.func' op expects a body of one block, but got 2
func.func private @branches() {
  cf.br ^end
^end:
  return
}
