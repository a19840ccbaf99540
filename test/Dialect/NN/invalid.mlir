// RUN: quant-opt %s --split-input-file --verify-diagnostics

param.global @rope_table_positions : tensor<4x2xf32>
    // expected-error@below {{expects a positive number of positions, but got 0}}
    = #nn.rope_table<positions = 0, inverse_frequencies = [1.0]>

// -----

param.global @rope_table_frequencies : tensor<4x2xf32>
    // expected-error@below {{expects at least 1 inverse frequency, but got 0}}
    = #nn.rope_table<positions = 4, inverse_frequencies = []>

// -----

// expected-error@below {{expects layers, heads and head_dim between 1 and 65536, but got 5, 0 and 8}}
func.func private @kv_cache_zero(!nn.kv_cache<layers = 5, heads = 0, head_dim = 8, element = f16>)

// -----

// Sizes whose product would overflow are refused before it is formed.

// expected-error@below {{expects layers, heads and head_dim between 1 and 65536, but got 5, 4 and 4294967296}}
func.func private @kv_cache_huge(!nn.kv_cache<layers = 5, heads = 4, head_dim = 4294967296, element = f16>)

// -----

// expected-error@below {{expects element f16 or f32, but got 'bf16'}}
func.func private @kv_cache_element(!nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = bf16>)

// -----

// expected-error@below {{expects element f32 beside an encoding, but got 'f16'}}
func.func private @kv_cache_both(!nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16, encoding = #qt.format<i8 [1, 8], scale f16>>)

// -----

// expected-error@below {{expects an encoding of tensors, but got 3 : i64}}
func.func private @kv_cache_encoding(!nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f32, encoding = 3 : i64>)

// -----

// expected-error@below {{expects columns divisible by 32 (one 'scale' a block), but got 8}}
func.func private @kv_cache_group(!nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f32, encoding = #qt.format<i8 [1, 32], scale f16>>)

// -----

// expected-error@below {{#qt.format expects blocks of 1 row in a tensor with a dynamic first dimension, but got 2}}
func.func private @kv_cache_rows(!nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f32, encoding = #qt.format<i8 [2, 8], scale f16>>)

// -----

// expected-error@below {{expects the attribute nn.model, but got "nn.size"}}
module @unknown_attribute attributes {nn.size = 3 : i64} {}

// -----

// expected-error@below {{nn.model expects a dictionary, but got "llama"}}
module @nn_model_c1_string attributes {nn.model = "llama"} {}

// -----

// expected-error@below {{nn.model expects to be on a module, but got func.func}}
func.func private @nn_model_c1_function() attributes {nn.model = {}}

// -----

// expected-error@below {{nn.model expects a string 'architecture', but got {layers = 5 : i64}}}
module @nn_model_c2_architecture attributes {nn.model = {layers = 5 : i64}} {}

// -----

// expected-error@below {{nn.model expects a positive i64 'context', but got none}}
module @nn_model_c2_missing attributes {nn.model = {
    architecture = "llama", vocabulary = 512 : i64, hidden = 64 : i64, layers = 5 : i64, heads = 8 : i64,
    kv_heads = 4 : i64, head_dim = 8 : i64, intermediate = 172 : i64}} {}

// -----

// expected-error@below {{nn.model expects a positive i64 'layers', but got 0 : i64}}
module @nn_model_c2_zero attributes {nn.model = {
    architecture = "llama", vocabulary = 512 : i64, context = 512 : i64, hidden = 64 : i64, layers = 0 : i64,
    heads = 8 : i64, kv_heads = 4 : i64, head_dim = 8 : i64, intermediate = 172 : i64}} {}

// -----

// expected-error@below {{nn.model expects a positive i64 'hidden', but got "wide"}}
module @nn_model_c2_string attributes {nn.model = {
    architecture = "llama", vocabulary = 512 : i64, context = 512 : i64, hidden = "wide", layers = 5 : i64,
    heads = 8 : i64, kv_heads = 4 : i64, head_dim = 8 : i64, intermediate = 172 : i64}} {}

// -----

// expected-error@below {{nn.model expects 'heads' to be a multiple of 'kv_heads', but got 8 and 3}}
module @nn_model_c3 attributes {nn.model = {
    architecture = "llama", vocabulary = 512 : i64, context = 512 : i64, hidden = 64 : i64, layers = 5 : i64,
    heads = 8 : i64, kv_heads = 3 : i64, head_dim = 8 : i64, intermediate = 172 : i64}} {}

// -----

func.func @embedding_c1(%t: tensor<?xi32>, %e: tensor<8x64xf32>) {
  // expected-error@below {{'nn.embedding' op expects a result of shape [?, 64], but got [3, 64]}}
  %x = nn.embedding %t, %e : (tensor<?xi32>, tensor<8x64xf32>) -> tensor<3x64xf32>
  return
}

// -----

func.func @embedding_c2(%t: tensor<?xi32>, %e: tensor<8x64xf32>) {
  // expected-error@below {{'nn.embedding' op expects a result of shape [?, 64], but got [?, 32]}}
  %x = nn.embedding %t, %e : (tensor<?xi32>, tensor<8x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @width_zero(%x: tensor<?x0xf32>) {
  // expected-error@below {{operand #0 must be [tokens, width] tensor without an encoding of 32-bit float values, but got 'tensor<?x0xf32>'}}
  %y = nn.add %x, %x : tensor<?x0xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'nn.rms_norm' op failed to verify that all of {input, result} have same type}}
  %y = nn.rms_norm %x, %g eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c2_divides(%x: tensor<?x64xf32>, %g: tensor<48xf32>) {
  // expected-error@below {{'nn.rms_norm' op expects a group that divides the width 64, but got 48}}
  %y = nn.rms_norm %x, %g eps 1.0e-05 group 48 : (tensor<?x64xf32>, tensor<48xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rms_norm_c2_positive(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'nn.rms_norm' op attribute 'group' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %y = nn.rms_norm %x, %g eps 1.0e-05 group 0 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rms_norm_c3(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'nn.rms_norm' op expects a weight of 8 entries, but got 64}}
  %y = nn.rms_norm %x, %g eps 1.0e-05 group 8 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @linear_c1(%x: tensor<?x64xf32>, %w: tensor<8x32xf32>) {
  // expected-error@below {{'nn.linear' op expects an input of width 32, the columns of the weight, but got 64}}
  %y = nn.linear %x, %w : (tensor<?x64xf32>, tensor<8x32xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c2(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) {
  // expected-error@below {{'nn.linear' op expects a result of shape [?, 8], but got [?, 64]}}
  %y = nn.linear %x, %w : (tensor<?x64xf32>, tensor<8x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @linear_c3(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>, %b: tensor<64xf32>) {
  // expected-error@below {{'nn.linear' op expects a bias of 8 entries, but got 64}}
  %y = nn.linear %x, %w bias %b : (tensor<?x64xf32>, tensor<8x64xf32>, tensor<64xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @last_rows_c2(%x: tensor<4x64xf32>, %n: index) {
  // expected-error@below {{'nn.last_rows' op expects a dynamic number of rows, but got 4}}
  %y = nn.last_rows %x, %n : tensor<4x64xf32>
  return
}

// -----

func.func @hadamard_c2_power(%x: tensor<?x48xf32>) {
  // expected-error@below {{'nn.hadamard' op expects a group that is a power of two and divides the width 48, but got 24}}
  %y = nn.hadamard %x group 24 : tensor<?x48xf32>
  return
}

// -----

func.func @hadamard_c2_width(%x: tensor<?x48xf32>) {
  // expected-error@below {{'nn.hadamard' op expects a group that is a power of two and divides the width 48, but got 32}}
  %y = nn.hadamard %x group 32 : tensor<?x48xf32>
  return
}

// -----

func.func @gather_columns_c1(%x: tensor<?x8xf32>, %c: tensor<2x4xf32>) {
  // expected-error@below {{'nn.gather_columns' op expects one row of numbers for columns, but got 2}}
  %y = nn.gather_columns %x, %c : (tensor<?x8xf32>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @gather_columns_c2(%x: tensor<?x8xf32>, %c: tensor<1x4xf32>) {
  // expected-error@below {{'nn.gather_columns' op expects a result of shape [?, 4], but got [?, 8]}}
  %y = nn.gather_columns %x, %c : (tensor<?x8xf32>, tensor<1x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @scale_columns_c1(%x: tensor<?x8xf32>, %s: tensor<1x8xf32>) {
  // expected-error@below {{'nn.scale_columns' op failed to verify that all of {input, result} have same type}}
  %y = nn.scale_columns %x, %s : (tensor<?x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @scale_columns_c2_rows(%x: tensor<?x8xf32>, %s: tensor<3x8xf32>) {
  // expected-error@below {{'nn.scale_columns' op expects one row of numbers for columns, but got 3}}
  %y = nn.scale_columns %x, %s : (tensor<?x8xf32>, tensor<3x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @scale_columns_c2_columns(%x: tensor<?x8xf32>, %s: tensor<1x4xf32>) {
  // expected-error@below {{'nn.scale_columns' op expects 8 scales, one a column, but got 4}}
  %y = nn.scale_columns %x, %s : (tensor<?x8xf32>, tensor<1x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rope_c2_odd(%x: tensor<?x63xf32>, %p: index) {
  // expected-error@below {{'nn.rope' op expects an even head_dim that divides the width 63, but got 7}}
  %y = nn.rope %x at %p {head_dim = 7 : i64, inverse_frequencies = array<f32: 1.0, 0.1, 0.01>} : tensor<?x63xf32>
  return
}

// -----

func.func @rope_c2_divides(%x: tensor<?x64xf32>, %p: index) {
  // expected-error@below {{'nn.rope' op expects an even head_dim that divides the width 64, but got 6}}
  %y = nn.rope %x at %p {head_dim = 6 : i64, inverse_frequencies = array<f32: 1.0, 0.1, 0.01>} : tensor<?x64xf32>
  return
}

// -----

func.func @rope_c2_positive(%x: tensor<?x64xf32>, %p: index) {
  // expected-error@below {{'nn.rope' op attribute 'head_dim' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %y = nn.rope %x at %p {head_dim = 0 : i64, inverse_frequencies = array<f32>} : tensor<?x64xf32>
  return
}

// -----

func.func @rope_c3(%x: tensor<?x64xf32>, %p: index) {
  // expected-error@below {{'nn.rope' op expects 1 to 4 inverse frequencies, but got 5}}
  %y = nn.rope %x at %p {head_dim = 8 : i64, inverse_frequencies = array<f32: 1.0, 0.5, 0.2, 0.1, 0.05>} : tensor<?x64xf32>
  return
}

// -----

func.func @rope_c4(%x: tensor<?x64xf32>, %p: index) {
  // expected-error@below {{'nn.rope' op attribute 'magnitude' failed to satisfy constraint: 32-bit float attribute whose value is positive}}
  %y = nn.rope %x at %p {head_dim = 8 : i64, inverse_frequencies = array<f32: 1.0, 0.1>, magnitude = 0.0 : f32} : tensor<?x64xf32>
  return
}

// -----

func.func @kv_append_c2(%k: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.kv_append' op expects keys and values of width 32, heads * head_dim of the cache, but got 64}}
  nn.kv_append %k, %k into %cache[0] at %p : tensor<?x64xf32>,
      !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>
  return
}

// -----

func.func @kv_append_c3(%k: tensor<?x32xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.kv_append' op expects a layer below 5, but got 5}}
  nn.kv_append %k, %k into %cache[5] at %p : tensor<?x32xf32>,
      !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>
  return
}

// -----

func.func @kv_append_c3_negative(%k: tensor<?x32xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.kv_append' op attribute 'layer' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  nn.kv_append %k, %k into %cache[-1] at %p : tensor<?x32xf32>,
      !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>
  return
}

// -----

func.func @attention_c1(%q: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.attention' op failed to verify that all of {query, result} have same type}}
  %a = nn.attention %q, %cache[0] at %p scale 1.0
      : (tensor<?x64xf32>, !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) -> tensor<?x32xf32>
  return
}

// -----

func.func @attention_c2(%q: tensor<?x40xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.attention' op expects queries whose width is a multiple of 32, heads * head_dim of the cache, but got 40}}
  %a = nn.attention %q, %cache[0] at %p scale 1.0
      : (tensor<?x40xf32>, !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) -> tensor<?x40xf32>
  return
}

// -----

func.func @attention_c3(%q: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.attention' op expects a layer below 5, but got 7}}
  %a = nn.attention %q, %cache[7] at %p scale 1.0
      : (tensor<?x64xf32>, !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @attention_c4(%q: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.attention' op attribute 'window' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %a = nn.attention %q, %cache[0] at %p scale 1.0 window 0
      : (tensor<?x64xf32>, !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @attention_c5(%q: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) {
  // expected-error@below {{'nn.attention' op attribute 'softcap' failed to satisfy constraint: 32-bit float attribute whose value is positive}}
  %a = nn.attention %q, %cache[0] at %p scale 1.0 softcap 0.0
      : (tensor<?x64xf32>, !nn.kv_cache<layers = 5, heads = 4, head_dim = 8, element = f16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @softcap_c1(%x: tensor<?x64xf32>) {
  // expected-error@below {{'nn.softcap' op failed to verify that all of {input, result} have same type}}
  %y = "nn.softcap"(%x) {cap = 1.0 : f32} : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @softcap_c2(%x: tensor<?x64xf32>) {
  // expected-error@below {{'nn.softcap' op attribute 'cap' failed to satisfy constraint: 32-bit float attribute whose value is positive}}
  %y = nn.softcap %x cap -1.0 : tensor<?x64xf32>
  return
}

// -----

func.func @scale_c1(%x: tensor<?x64xf32>) {
  // expected-error@below {{'nn.scale' op failed to verify that all of {input, result} have same type}}
  %y = "nn.scale"(%x) {factor = 1.0 : f32} : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @layer_norm_c1(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'nn.layer_norm' op failed to verify that all of {input, result} have same type}}
  %y = nn.layer_norm %x, %g eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @layer_norm_c2(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %b: tensor<32xf32>) {
  // expected-error@below {{'nn.layer_norm' op expects a weight and a bias of 64 entries, but got 32}}
  %y = nn.layer_norm %x, %g bias %b eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>, tensor<32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @activation_c1(%x: tensor<?x64xf32>) {
  // expected-error@below {{'nn.activation' op failed to verify that all of {input, result} have same type}}
  %y = "nn.activation"(%x) {activation = #nn<activation gelu>} : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @add_positions_c1(%x: tensor<?x64xf32>, %t: tensor<16x64xf32>, %p: index) {
  // expected-error@below {{'nn.add_positions' op failed to verify that all of {input, result} have same type}}
  %y = nn.add_positions %x, %t at %p : (tensor<?x64xf32>, tensor<16x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @add_positions_c2(%x: tensor<?x64xf32>, %t: tensor<16x32xf32>, %p: index) {
  // expected-error@below {{'nn.add_positions' op expects a table of 64 columns without an encoding, but got 'tensor<16x32xf32>'}}
  %y = nn.add_positions %x, %t at %p : (tensor<?x64xf32>, tensor<16x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @linear_c4(%x: tensor<?x64xf32>, %w: tensor<256x64xf32>, %r: tensor<?x4xf32>) {
  // expected-error@below {{'nn.linear' op expects a result whose columns divide the 256 rows of all experts, but got 48}}
  %y = nn.linear %x, %w routed %r : (tensor<?x64xf32>, tensor<256x64xf32>, tensor<?x4xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @route_c1(%l: tensor<?x8xf32>) {
  // expected-error@below {{'nn.route' op expects to choose at most 8 experts, but got 9}}
  %r = nn.route %l top 9 : (tensor<?x8xf32>) -> tensor<?x18xf32>
  return
}

// -----

func.func @route_c2(%l: tensor<?x8xf32>) {
  // expected-error@below {{'nn.route' op expects a result of shape [?, 4], but got [?, 2]}}
  %r = nn.route %l top 2 : (tensor<?x8xf32>) -> tensor<?x2xf32>
  return
}

// -----

func.func @dispatch_c1(%x: tensor<?x64xf32>, %r: tensor<?x4xf32>) {
  // expected-error@below {{'nn.dispatch' op failed to verify that all of {input, result} have same type}}
  %y = "nn.dispatch"(%x, %r) {experts = 8 : i64} : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @dispatch_c2(%x: tensor<3x64xf32>, %r: tensor<3x4xf32>) {
  // expected-error@below {{'nn.dispatch' op expects a dynamic number of rows, but got 3}}
  %y = nn.dispatch %x, %r experts 8 : tensor<3x64xf32>, tensor<3x4xf32>
  return
}

// -----

func.func @combine_c1(%x: tensor<?x64xf32>, %r: tensor<?x4xf32>) {
  // expected-error@below {{'nn.combine' op failed to verify that all of {input, result} have same type}}
  %y = "nn.combine"(%x, %r) {experts = 8 : i64} : (tensor<?x64xf32>, tensor<?x4xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @combine_c2(%x: tensor<3x64xf32>, %r: tensor<3x4xf32>) {
  // expected-error@below {{'nn.combine' op expects a dynamic number of rows, but got 3}}
  %y = nn.combine %x, %r experts 8 : tensor<3x64xf32>, tensor<3x4xf32>
  return
}
