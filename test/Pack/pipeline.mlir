// RUN: quant-opt %s -pack | FileCheck %s

// The tables of two ropes with the same frequencies are one weight, laid out
// and loaded once.

// CHECK: param.global @rope.table : tensor<16x4xf32> layout #{{.*}} = #nn.rope_table
// CHECK: param.load @rope.table
// CHECK-NOT: param.load
// CHECK-COUNT-2: qk.kernel rope
module attributes {nn.model = {architecture = "llama", vocabulary = 32 : i64, context = 16 : i64, hidden = 8 : i64, layers = 2 : i64, heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, intermediate = 8 : i64}} {
  func.func @forward(%x: tensor<?x8xf32>, %position: index) -> tensor<?x8xf32> {
    %a = nn.rope %x at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.01>} : tensor<?x8xf32>
    %b = nn.rope %a at %position {head_dim = 4 : i64, inverse_frequencies = array<f32: 1.0, 0.01>} : tensor<?x8xf32>
    return %b : tensor<?x8xf32>
  }
}
