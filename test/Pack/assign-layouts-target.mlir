// RUN: not quant-opt %s -pass-pipeline="builtin.module(pack-assign-layouts{target=gpu})" 2>&1 | FileCheck %s

// CHECK: expects target 'cpu' or 'dense', but got 'gpu'
module {}
