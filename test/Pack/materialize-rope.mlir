// RUN: quant-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(pack-materialize-rope)" | FileCheck %s

// One table for each distinct set of frequencies and magnitude, a row for each position.

// CHECK-LABEL: module attributes
// CHECK: param.global @{{rope.table_[0-9]+}} : tensor<16x4xf32> = #nn.rope_table<positions = 16, inverse_frequencies = [2.0{{.*}}, 2.0{{.*}}], magnitude = 1.250000e+00 : f32>
// CHECK: param.global @{{rope.table_[0-9]+}} : tensor<16x4xf32> = #nn.rope_table<positions = 16, inverse_frequencies = [2.0{{.*}}, 2.0{{.*}}]>
// CHECK: param.global @rope.table : tensor<16x4xf32> = #nn.rope_table<positions = 16, inverse_frequencies = [1.000000e+00, 0.00999999977]>
// CHECK-NOT: param.global
module attributes {nn.model = {architecture = "llama", vocabulary = 32 : i64, context = 16 : i64, hidden = 8 : i64, layers = 2 : i64, heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, intermediate = 8 : i64}} {
  func.func @forward(%x: tensor<?x8xf32>, %position: index) -> tensor<?x8xf32> {
    // CHECK-COUNT-4: nn.rope
    %a = nn.rope %x at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.01>} : tensor<?x8xf32>
    %b = nn.rope %a at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.01>} : tensor<?x8xf32>
    %c = nn.rope %b at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 2.0, 2.0>} : tensor<?x8xf32>
    %d = nn.rope %c at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 2.0, 2.0>, magnitude = 1.25 : f32} : tensor<?x8xf32>
    return %d : tensor<?x8xf32>
  }
}

// -----

// A table that is there already is not made again.

// CHECK-LABEL: module attributes
// CHECK: param.global @mine
// CHECK-NOT: param.global
module attributes {nn.model = {architecture = "llama", vocabulary = 32 : i64, context = 16 : i64, hidden = 8 : i64, layers = 2 : i64, heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, intermediate = 8 : i64}} {
  param.global @mine : tensor<16x4xf32> = #nn.rope_table<positions = 16, inverse_frequencies = [1.0, 0.5]>
  func.func @forward(%x: tensor<?x8xf32>, %position: index) -> tensor<?x8xf32> {
    %a = nn.rope %x at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.5>} : tensor<?x8xf32>
    return %a : tensor<?x8xf32>
  }
}

// -----

// expected-error @below {{expects nn.model with a positive context for the rope table, but got 0}}
module {
  func.func @forward(%x: tensor<?x8xf32>, %position: index) -> tensor<?x8xf32> {
    %a = nn.rope %x at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.5>} : tensor<?x8xf32>
    return %a : tensor<?x8xf32>
  }
}
