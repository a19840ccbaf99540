// RUN: quant-opt %s --verify-roundtrip | FileCheck %s

!cache = !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>

// CHECK: module attributes {nn.model = {architecture = "llama"
module attributes {nn.model = {
    architecture = "llama", vocabulary = 512 : i64, context = 512 : i64,
    hidden = 64 : i64, layers = 5 : i64, heads = 8 : i64, kv_heads = 4 : i64,
    head_dim = 8 : i64, intermediate = 172 : i64}} {

// Frequencies keep all their digits.
// CHECK: #nn.rope_table<positions = 512, inverse_frequencies = [1.000000e+00, 0.562341332]>
param.global @rope : tensor<512x4xf32>
    = #nn.rope_table<positions = 512, inverse_frequencies = [1.0, 0.562341332]>

// CHECK: #nn.rope_table<positions = 512, inverse_frequencies = [1.000000e+00], magnitude = 1.250000e+00 : f32>
param.global @rope_part : tensor<512x2xf32>
    = #nn.rope_table<positions = 512, inverse_frequencies = [1.0], magnitude = 1.25 : f32>

// CHECK-LABEL: func @embedding
func.func @embedding(%tokens: tensor<?xi32>, %e: tensor<512x64xbf16>) -> tensor<?x64xf32> {
  // CHECK: nn.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
  %x = nn.embedding %tokens, %e : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
  return %x : tensor<?x64xf32>
}

// CHECK-LABEL: func @rms_norm
func.func @rms_norm(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %gq: tensor<8xf16>) -> tensor<?x64xf32> {
  // CHECK: nn.rms_norm %{{.*}}, %{{.*}} eps 9.99999974E-6 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %h = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: nn.rms_norm %{{.*}}, %{{.*}} eps 9.99999997E-7 group 8 : (tensor<?x64xf32>, tensor<8xf16>) -> tensor<?x64xf32>
  %q = nn.rms_norm %h, %gq eps 1.0e-06 group 8 : (tensor<?x64xf32>, tensor<8xf16>) -> tensor<?x64xf32>
  // CHECK: nn.rms_norm %{{.*}}, %{{.*}} eps 9.99999997E-7 group 8 unit_offset : (tensor<?x64xf32>, tensor<8xf16>) -> tensor<?x64xf32>
  %r = nn.rms_norm %q, %gq eps 1.0e-06 group 8 unit_offset : (tensor<?x64xf32>, tensor<8xf16>) -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// CHECK-LABEL: func @layer_norm
func.func @layer_norm(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %b: tensor<64xbf16>) -> tensor<?x64xf32> {
  // CHECK: nn.layer_norm %{{.*}}, %{{.*}} bias %{{.*}} eps 9.99999974E-6 : (tensor<?x64xf32>, tensor<64xf32>, tensor<64xbf16>) -> tensor<?x64xf32>
  %h = nn.layer_norm %x, %g bias %b eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>, tensor<64xbf16>) -> tensor<?x64xf32>
  // CHECK: nn.layer_norm %{{.*}}, %{{.*}} eps 9.99999974E-6 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %i = nn.layer_norm %h, %g eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: nn.activation gelu %{{.*}} : tensor<?x64xf32>
  %j = nn.activation gelu %i : tensor<?x64xf32>
  return %j : tensor<?x64xf32>
}

// CHECK-LABEL: func @positions
func.func @positions(%x: tensor<?x64xf32>, %t: tensor<128x64xbf16>, %position: index) -> tensor<?x64xf32> {
  // CHECK: nn.add_positions %{{.*}}, %{{.*}} at %{{.*}} : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x64xf32>
  %y = nn.add_positions %x, %t at %position : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// The default precision is not printed.

// CHECK-LABEL: func @linear
func.func @linear(%x: tensor<?x64xf32>, %w: tensor<172x64xbf16>, %b: tensor<172xf32>) -> (tensor<?x172xf32>, tensor<?x172xf32>) {
  // CHECK: nn.linear %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<172x64xbf16>) -> tensor<?x172xf32>
  %y = nn.linear %x, %w compute f32 : (tensor<?x64xf32>, tensor<172x64xbf16>) -> tensor<?x172xf32>
  // CHECK: nn.linear %{{.*}}, %{{.*}} bias %{{.*}} compute bf16 : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172xf32>) -> tensor<?x172xf32>
  %z = nn.linear %x, %w bias %b compute bf16
      : (tensor<?x64xf32>, tensor<172x64xbf16>, tensor<172xf32>) -> tensor<?x172xf32>
  return %y, %z : tensor<?x172xf32>, tensor<?x172xf32>
}

// CHECK-LABEL: func @linear_encoded
func.func @linear_encoded(%x: tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>,
                          %w: tensor<172x64xf32, #qt.format<i4 [1, 32], scale f16>>) -> tensor<?x172xf32> {
  // CHECK: nn.linear %{{.*}}, %{{.*}} : (tensor<?x64xf32, #{{.*}}>, tensor<172x64xf32, #{{.*}}>) -> tensor<?x172xf32>
  %y = nn.linear %x, %w
      : (tensor<?x64xf32, #qt.format<i8 [1, 32], scale f32>>,
         tensor<172x64xf32, #qt.format<i4 [1, 32], scale f16>>) -> tensor<?x172xf32>
  return %y : tensor<?x172xf32>
}

// CHECK-LABEL: func @elementwise
func.func @elementwise(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %rows: index) -> tensor<?x64xf32> {
  // CHECK: nn.add %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %s = nn.add %x, %y : tensor<?x64xf32>
  // CHECK: nn.gated_activation silu %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %m = nn.gated_activation silu %s, %y : tensor<?x64xf32>
  // CHECK: nn.gated_activation gelu %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %g = nn.gated_activation gelu %s, %y : tensor<?x64xf32>
  // CHECK: nn.gated_activation gelu_tanh %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %h = nn.gated_activation gelu_tanh %s, %y : tensor<?x64xf32>
  // CHECK: nn.scale %{{.*}} by 8.000000e+00 : tensor<?x64xf32>
  %e = nn.scale %h by 8.0 : tensor<?x64xf32>
  // CHECK: nn.softcap %{{.*}} cap 3.000000e+01 : tensor<?x64xf32>
  %c = nn.softcap %e cap 30.0 : tensor<?x64xf32>
  // CHECK: nn.last_rows %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %t = nn.last_rows %m, %rows : tensor<?x64xf32>
  return %t : tensor<?x64xf32>
}

// Attention reads what the append before it wrote: neither may be moved over
// the other, and the append is kept although it has no result.

// CHECK-LABEL: func @attention
func.func @attention(%q: tensor<?x64xf32>, %k: tensor<?x32xf32>, %position: index, %cache: !cache) -> tensor<?x64xf32> {
  // CHECK: nn.rope %{{.*}} at %{{.*}} {head_dim = 8 : i64, inverse_frequencies = array<f32: 1.000000e+00, 1.000000e-01, 0.00999999977, 1.000000e-03>} : tensor<?x64xf32>
  %r = nn.rope %q at %position {head_dim = 8 : i64, inverse_frequencies = array<f32: 1.0, 0.1, 0.01, 0.001>} : tensor<?x64xf32>
  // CHECK: nn.rope %{{.*}} at %{{.*}} {head_dim = 8 : i64, inverse_frequencies = array<f32: 1.000000e+00>, magnitude = 1.250000e+00 : f32} : tensor<?x64xf32>
  %r2 = nn.rope %r at %position {head_dim = 8 : i64, inverse_frequencies = array<f32: 1.0>, magnitude = 1.25 : f32} : tensor<?x64xf32>
  // CHECK: nn.kv_append %{{.*}}, %{{.*}} into %{{.*}}[0] at %{{.*}} : tensor<?x32xf32>, <layers = 5, heads = 4, head_dim = 8, element = f16>
  nn.kv_append %k, %k into %cache[0] at %position : tensor<?x32xf32>, !cache
  // CHECK: nn.attention %{{.*}}, %{{.*}}[0] at %{{.*}} scale 0.353553385 : (tensor<?x64xf32>, <layers = 5, heads = 4, head_dim = 8, element = f16>) -> tensor<?x64xf32>
  %a = nn.attention %r, %cache[0] at %position scale 0.353553385 : (tensor<?x64xf32>, !cache) -> tensor<?x64xf32>
  // CHECK: nn.attention %{{.*}}, %{{.*}}[4] at %{{.*}} scale 1.000000e+00 window 4096
  %b = nn.attention %a, %cache[4] at %position scale 1.0 window 4096 : (tensor<?x64xf32>, !cache) -> tensor<?x64xf32>
  // CHECK: nn.attention %{{.*}}, %{{.*}}[4] at %{{.*}} scale 1.000000e+00 softcap 5.000000e+01
  %c = nn.attention %b, %cache[4] at %position scale 1.0 softcap 50.0 : (tensor<?x64xf32>, !cache) -> tensor<?x64xf32>
  return %b : tensor<?x64xf32>
}

// CHECK-LABEL: func @experts
func.func @experts(%x: tensor<?x64xf32>, %l: tensor<?x8xf32>, %w: tensor<256x64xbf16>, %b: tensor<256xf32>) -> tensor<?x64xf32> {
  // CHECK: %[[R:.*]] = nn.route %{{.*}} top 2 normalized : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %r = nn.route %l top 2 normalized : (tensor<?x8xf32>) -> tensor<?x4xf32>
  // CHECK: nn.route %{{.*}} top 8 : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %all = nn.route %l top 8 : (tensor<?x8xf32>) -> tensor<?x16xf32>
  // CHECK: %[[X:.*]] = nn.dispatch %{{.*}}, %[[R]] experts 8 : tensor<?x64xf32>, tensor<?x4xf32>
  %rows = nn.dispatch %x, %r experts 8 : tensor<?x64xf32>, tensor<?x4xf32>
  // CHECK: nn.linear %[[X]], %{{.*}} bias %{{.*}} routed %[[R]] compute bf16 : (tensor<?x64xf32>, tensor<256x64xbf16>, tensor<256xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
  %y = nn.linear %rows, %w bias %b routed %r compute bf16
      : (tensor<?x64xf32>, tensor<256x64xbf16>, tensor<256xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
  // CHECK: nn.combine %[[X]], %[[R]] experts 8 : tensor<?x64xf32>, tensor<?x4xf32>
  %z = nn.combine %rows, %r experts 8 : tensor<?x64xf32>, tensor<?x4xf32>
  return %z : tensor<?x64xf32>
}

// CHECK-LABEL: func @hadamard
func.func @hadamard(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: nn.hadamard %{{.*}} group 32 : tensor<?x64xf32>
  %y = nn.hadamard %x group 32 : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func @columns
func.func @columns(%x: tensor<?x64xf32>, %c: tensor<1x8xf32, #qt.format<u16>>,
                   %s: tensor<1x8xf16>) -> tensor<?x8xf32> {
  // CHECK: %[[Y:.*]] = nn.gather_columns %arg0, %arg1 : (tensor<?x64xf32>, tensor<1x8xf32, #{{.*}}>) -> tensor<?x8xf32>
  %y = nn.gather_columns %x, %c : (tensor<?x64xf32>, tensor<1x8xf32, #qt.format<u16>>) -> tensor<?x8xf32>
  // CHECK: nn.scale_columns %[[Y]], %arg2 : (tensor<?x8xf32>, tensor<1x8xf16>) -> tensor<?x8xf32>
  %z = nn.scale_columns %y, %s : (tensor<?x8xf32>, tensor<1x8xf16>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK: func private @coded_cache(!nn.kv_cache<layers = 5, heads = 4, head_dim = 32, element = f32, encoding = #int4_g32_asym>)
func.func private @coded_cache(!nn.kv_cache<layers = 5, heads = 4, head_dim = 32, element = f32,
                               encoding = #qt.format<u4 [1, 32], scale f16, zero u4>>)

}
