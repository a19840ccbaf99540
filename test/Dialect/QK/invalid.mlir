// RUN: quant-opt %s --split-input-file --verify-diagnostics

// expected-error@below {{expects '<' and a layout after #qk.layout}}
func.func private @layout_absent() attributes {layout = #qk.layout}

// -----

// expected-error@below {{expects 'tile', but got 'q9'}}
func.func private @layout_unknown() attributes {layout = #qk.layout<q9>}

// -----

// The place is that of the wrong word, not of the attribute.

// expected-error@+2 {{expects ';' or '}', but got 'x6'}}
func.func private @layout_place() attributes {layout = #qk.layout<tile [1, 32] 18B {
    scale @1x6; code @16 col(16:8, 2:4) flip }>}

// -----

// expected-error@below {{expects tensors such as #param.external<...>, but got "w"}}
func.func private @stored_c1() attributes {value = #qk.stored<["w"], format = #qt.format<q4_0>, layout = #qk.layout<q4_0>>}

// -----

// expected-error@below {{expects a tensor for each of the 1 segments of the layout, but got 2}}
func.func private @stored_c1_count() attributes {value = #qk.stored<
    [#param.external<"model", "w">, #param.external<"model", "s">],
    format = #qt.format<q4_0>, layout = #qk.layout<q4_0>>}

// -----

// expected-error@below {{'param.global' op expects a type of 1 or 2 dimensions beside #qk.stored, but got 'tensor<2x2x32xf32>'}}
param.global @stored_c2 : tensor<2x2x32xf32> = #qk.stored<
    [#param.external<"model", "w">], format = #qt.format<q4_0>, layout = #qk.layout<q4_0>>

// -----

// expected-error@below {{'param.global' op #qk.stored: segment 0: expects a plane of the format, one of 'code', 'scale', but got 'add'}}
param.global @stored_c2_layout : tensor<2x32xf32> = #qk.stored<
    [#param.external<"model", "w">], format = #qt.format<q4_0>, layout = #qk.layout<q4_1>>

// -----

// expected-error@below {{'param.global' op expects a type of the format that #qk.stored holds, i4 [1, 32], scale f16 from max / -8, round up exact, but got i8 [1, 32], scale f16, round away exact}}
param.global @stored_c3 : tensor<2x32xf32, #qt.format<q8_0>> = #qk.stored<
    [#param.external<"model", "w">], format = #qt.format<q4_0>, layout = #qk.layout<q4_0>>

// -----

// expected-error@below {{expects as rows the first and the number of all, which is more and at most 1099511627776, but got [2, 2]}}
func.func private @stored_c4() attributes {value = #qk.stored<
    [#param.external<"model", "w">], format = #qt.format<q4_0>, layout = #qk.layout<q4_0>, rows = [2, 2]>}

// -----

// expected-error@below {{'param.global' op expects 3 rows from row 2 on, but #qk.stored holds 4}}
param.global @stored_c4_more : tensor<3x32xf32> = #qk.stored<
    [#param.external<"model", "w">], format = #qt.format<q4_0>, layout = #qk.layout<q4_0>, rows = [2, 4]>

// -----

// expected-error@below {{'param.global' op expects rows in multiples of 4, which #qk.stored can be read in, but got 4 from row 2 on}}
param.global @stored_c4_grain : tensor<4x32xf32> = #qk.stored<
    [#param.external<"model", "w">], format = #qt.format<q4_0>,
    layout = #qk.layout<tile [1, 32] order(2:2, 2:1) 18B { scale @0; code @16 col(16:8, 2:4) flip }>, rows = [2, 8]>

// -----

// expected-error@below {{expects an isa and a compute type that are not empty, but got "" and "int8"}}
func.func private @tile_isa() attributes {tile = #qk.tile<isa = "", compute = "int8", rows = 8, columns = 32>}

// -----

// expected-error@below {{expects positive rows and columns, but got 8 and 0}}
func.func private @tile_columns() attributes {tile = #qk.tile<isa = "avx2", compute = "int8", rows = 8, columns = 0>}

// -----

func.func @pack_c1_shape(%q: tensor<?x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'qk.pack' op expects a tensor of static shape, but got 'tensor<?x64xf32, #qt.format<i4 [1, 32], scale f16 from max / -8, round up exact>>'}}
  %b = qk.pack %q layout(#qk.layout<q4_0>) : tensor<?x64xf32, #qt.format<q4_0>> to tensor<72xi8>
  return
}

// -----

func.func @pack_c1_format(%q: tensor<2x64xf32>) {
  // expected-error@below {{'qk.pack' op operand #0 must be tensor with the encoding #qt.format of floating-point values, but got 'tensor<2x64xf32>'}}
  %b = qk.pack %q layout(#qk.layout<q4_0>) : tensor<2x64xf32> to tensor<72xi8>
  return
}

// -----

func.func @pack_c2(%q: tensor<2x64xf32, #qt.format<q8_0>>) {
  // expected-error@below {{'qk.pack' op segment 0: plane 'code', row 0, col 31, bit 7: expects a bit below 144, the end of the tile, but got bit 16 + 131}}
  %b = qk.pack %q layout(#qk.layout<q4_0>) : tensor<2x64xf32, #qt.format<q8_0>> to tensor<72xi8>
  return
}

// -----

func.func @pack_c3(%q: tensor<2x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'qk.pack' op expects 72 bytes, but got 64}}
  %b = qk.pack %q layout(#qk.layout<q4_0>) : tensor<2x64xf32, #qt.format<q4_0>> to tensor<64xi8>
  return
}

// -----

func.func @pack_layout(%q: tensor<2x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'qk.pack' op attribute 'layout' failed to satisfy constraint: #qk.layout attribute}}
  %b = qk.pack %q layout("q4_0") : tensor<2x64xf32, #qt.format<q4_0>> to tensor<72xi8>
  return
}

// -----

func.func @unpack_c1_shape(%b: tensor<72xi8>) {
  // expected-error@below {{'qk.unpack' op expects a tensor of static shape, but got 'tensor<?x64xf32,}}
  %q = qk.unpack %b layout(#qk.layout<q4_0>) : tensor<72xi8> to tensor<?x64xf32, #qt.format<q4_0>>
  return
}

// -----

func.func @unpack_c1_format(%b: tensor<72xi8>) {
  // expected-error@below {{'qk.unpack' op result #0 must be tensor with the encoding #qt.format of floating-point values, but got 'tensor<2x64xf32>'}}
  %q = qk.unpack %b layout(#qk.layout<q4_0>) : tensor<72xi8> to tensor<2x64xf32>
  return
}

// -----

func.func @unpack_c2(%b: tensor<72xi8>) {
  // expected-error@below {{'qk.unpack' op segment 0: plane 'code', row 0, col 31, bit 7: expects a bit below 144, the end of the tile, but got bit 16 + 131}}
  %q = qk.unpack %b layout(#qk.layout<q4_0>) : tensor<72xi8> to tensor<2x64xf32, #qt.format<q8_0>>
  return
}

// -----

func.func @unpack_c3(%b: tensor<71xi8>) {
  // expected-error@below {{'qk.unpack' op expects 72 bytes, but got 71}}
  %q = qk.unpack %b layout(#qk.layout<q4_0>) : tensor<71xi8> to tensor<2x64xf32, #qt.format<q4_0>>
  return
}

// -----

func.func @kernel_c1(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects a role for each of 2 operands, but got 1}}
  %y = qk.kernel add(%x, %x) {operand_roles = ["lhs"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c2_missing(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the roles [x, w, (bias), (residual), (routing)] for kind linear, but got [x]}}
  %y = qk.kernel linear(%x) {compute = "f32", operand_roles = ["x"]} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c2_order(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>, %b: tensor<64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the roles [x, w, (bias), (residual), (routing)] for kind linear, but got [x, w, residual, bias]}}
  %y = qk.kernel linear(%x, %w, %x, %b) {compute = "f32", operand_roles = ["x", "w", "residual", "bias"]}
      : (tensor<?x64xf32>, tensor<64x64xf32>, tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c2_unknown(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the roles [lhs, rhs] for kind add, but got [left, right]}}
  %y = qk.kernel add(%x, %x) {operand_roles = ["left", "right"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c3(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'eps' for kind rms_norm, but got none}}
  %y = qk.kernel rms_norm(%x, %g) {operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c4(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects 1 results for kind quantize, but got 0}}
  qk.kernel quantize(%x) {operand_roles = ["x"]} : (tensor<?x64xf32>) -> ()
  return
}

// -----

func.func @kernel_c3_type(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'eps' to be an f32, but got 1.000000e-05 : f64}}
  %y = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f64, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c3_optional(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'group' to be a positive i64, but got 0 : i64}}
  %y = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, group = 0 : i64, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c3_compute(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'compute' to be "f32", "bf16" or "int8", but got "f64"}}
  %y = qk.kernel linear(%x, %w) {compute = "f64", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<8x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @kernel_c3_activation(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'activation' to be "silu", "gelu" or "gelu_tanh", but got "relu"}}
  %y = qk.kernel gated_activation(%x, %x) {activation = "relu", operand_roles = ["gate", "up"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c3_layer(%x: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 1, heads = 4, head_dim = 16, element = f16>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'layer' to be an i64 that is not negative, but got -1 : i64}}
  qk.kernel kv_append(%x, %x, %cache, %p) {layer = -1 : i64, operand_roles = ["key", "value", "cache", "position"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>,
         !nn.kv_cache<layers = 1, heads = 4, head_dim = 16, element = f16>, index) -> ()
  return
}

// -----

func.func @kernel_c4_append(%x: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 1, heads = 4, head_dim = 16, element = f16>) {
  // expected-error@below {{'qk.kernel' op expects 0 results for kind kv_append, but got 1}}
  %y = qk.kernel kv_append(%x, %x, %cache, %p) {layer = 0 : i64, operand_roles = ["key", "value", "cache", "position"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>,
         !nn.kv_cache<layers = 1, heads = 4, head_dim = 16, element = f16>, index) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c5_rows(%x: tensor<?x64xbf16>) {
  // expected-error@below {{'qk.kernel' op expects operand 'lhs' to be a [tokens, width] tensor of f32, but got 'tensor<?x64xbf16>'}}
  %y = qk.kernel add(%x, %x) {operand_roles = ["lhs", "rhs"]}
      : (tensor<?x64xbf16>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @kernel_c5_index(%x: tensor<?x64xf32>, %n: i64) {
  // expected-error@below {{'qk.kernel' op expects operand 'rows' to be an index, but got 'i64'}}
  %y = qk.kernel last_rows(%x, %n) {operand_roles = ["x", "rows"]} : (tensor<?x64xf32>, i64) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c5_cache(%x: tensor<?x64xf32>, %p: index) {
  // expected-error@below {{'qk.kernel' op expects operand 'cache' to be an !nn.kv_cache, but got 'tensor<?x64xf32>'}}
  %y = qk.kernel attention(%x, %x, %p) {layer = 0 : i64, scale = 1.0 : f32, operand_roles = ["query", "cache", "position"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>, index) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c5_tokens(%t: tensor<?xi64>, %e: tensor<8x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects operand 'tokens' to be a [tokens] tensor of i32, but got 'tensor<?xi64>'}}
  %x = qk.kernel embedding(%t, %e) {operand_roles = ["tokens", "table"]} : (tensor<?xi64>, tensor<8x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c5_matrix(%x: tensor<?x64xf32>, %w: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects operand 'w' to be a static 2D tensor of floats, but got 'tensor<?x64xf32>'}}
  %y = qk.kernel linear(%x, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c5_vector(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects operand 'weight' to be a static 1D tensor of floats, but got 'tensor<?x64xf32>'}}
  %y = qk.kernel rms_norm(%x, %x) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c5_result(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the result to be a [tokens, width] tensor of f32, but got 'tensor<?x?xf32>'}}
  %y = qk.kernel quantize(%x) {operand_roles = ["x"]} : (tensor<?x64xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @kernel_c6_embedding(%t: tensor<?xi32>, %e: tensor<8x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects a result of shape [?, 64], but got [?, 32]}}
  %x = qk.kernel embedding(%t, %e) {operand_roles = ["tokens", "table"]} : (tensor<?xi32>, tensor<8x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @kernel_c6_group(%x: tensor<?x64xf32>, %g: tensor<48xf32>) {
  // expected-error@below {{'qk.kernel' op expects a group that divides the width 64, but got 48}}
  %y = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, group = 48 : i64, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<48xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_weight(%x: tensor<?x64xf32>, %g: tensor<48xf32>) {
  // expected-error@below {{'qk.kernel' op expects a weight of shape [64], but got [48]}}
  %y = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<48xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_input(%x: tensor<?x64xf32>, %w: tensor<8x32xf32>) {
  // expected-error@below {{'qk.kernel' op expects an input of shape [?, 32], but got [?, 64]}}
  %y = qk.kernel linear(%x, %w) {compute = "f32", operand_roles = ["x", "w"]}
      : (tensor<?x64xf32>, tensor<8x32xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @kernel_c6_bias(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>, %b: tensor<64xf32>) {
  // expected-error@below {{'qk.kernel' op expects a bias of shape [8], but got [64]}}
  %y = qk.kernel linear(%x, %w, %b) {compute = "f32", operand_roles = ["x", "w", "bias"]}
      : (tensor<?x64xf32>, tensor<8x64xf32>, tensor<64xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @kernel_c6_residual(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects a residual of shape [?, 8], but got [?, 64]}}
  %y = qk.kernel linear(%x, %w, %x) {compute = "f32", operand_roles = ["x", "w", "residual"]}
      : (tensor<?x64xf32>, tensor<8x64xf32>, tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @kernel_c6_head_dim(%x: tensor<?x64xf32>, %t: tensor<16x7xf32>, %p: index) {
  // expected-error@below {{'qk.kernel' op expects an even head_dim that divides the width 64, but got 7}}
  %y = qk.kernel rope(%x, %t, %p) {head_dim = 7 : i64, operand_roles = ["x", "table", "position"]}
      : (tensor<?x64xf32>, tensor<16x7xf32>, index) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_hadamard(%x: tensor<?x48xf32>) {
  // expected-error@below {{'qk.kernel' op expects a group that is a power of two and divides the width 48, but got 32}}
  %y = qk.kernel hadamard(%x) {group = 32 : i64, operand_roles = ["x"]} : (tensor<?x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @kernel_c6_columns(%x: tensor<?x8xf32>, %c: tensor<2x4xf32>) {
  // expected-error@below {{'qk.kernel' op expects columns of shape [1, 4], but got [2, 4]}}
  %y = qk.kernel gather_columns(%x, %c) {operand_roles = ["x", "columns"]} : (tensor<?x8xf32>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @kernel_c6_gathered(%x: tensor<?x8xf32>, %c: tensor<1x4xf32>) {
  // expected-error@below {{'qk.kernel' op expects a result of shape [?, 4], but got [?, 8]}}
  %y = qk.kernel gather_columns(%x, %c) {operand_roles = ["x", "columns"]} : (tensor<?x8xf32>, tensor<1x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @kernel_c6_scales(%x: tensor<?x8xf32>, %s: tensor<1x4xf32>) {
  // expected-error@below {{'qk.kernel' op expects scales of shape [1, 8], but got [1, 4]}}
  %y = qk.kernel scale_columns(%x, %s) {operand_roles = ["x", "scales"]} : (tensor<?x8xf32>, tensor<1x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @kernel_c6_table(%x: tensor<?x64xf32>, %t: tensor<16x10xf32>, %p: index) {
  // expected-error@below {{'qk.kernel' op expects a table with an even number of columns, at most 8, but got 10}}
  %y = qk.kernel rope(%x, %t, %p) {head_dim = 8 : i64, operand_roles = ["x", "table", "position"]}
      : (tensor<?x64xf32>, tensor<16x10xf32>, index) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_append(%k: tensor<?x64xf32>, %v: tensor<?x32xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 1, heads = 4, head_dim = 16, element = f16>) {
  // expected-error@below {{'qk.kernel' op expects values of shape [?, 64], but got [?, 32]}}
  qk.kernel kv_append(%k, %v, %cache, %p) {layer = 0 : i64, operand_roles = ["key", "value", "cache", "position"]}
      : (tensor<?x64xf32>, tensor<?x32xf32>,
         !nn.kv_cache<layers = 1, heads = 4, head_dim = 16, element = f16>, index) -> ()
  return
}

// -----

func.func @kernel_c6_add(%x: tensor<?x64xf32>, %y: tensor<?x32xf32>) {
  // expected-error@below {{'qk.kernel' op expects an operand 'rhs' of shape [?, 64], but got [?, 32]}}
  %z = qk.kernel add(%x, %y) {operand_roles = ["lhs", "rhs"]} : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_gate(%x: tensor<?x64xf32>, %y: tensor<?x32xf32>) {
  // expected-error@below {{'qk.kernel' op expects an operand 'up' of shape [?, 64], but got [?, 32]}}
  %z = qk.kernel gated_activation(%x, %y) {activation = "silu", operand_roles = ["gate", "up"]}
      : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c3_unit_offset(%x: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'unit_offset' to be a unit attribute, but got true}}
  %y = qk.kernel rms_norm(%x, %g) {eps = 1.0e-05 : f32, unit_offset = true, operand_roles = ["x", "weight"]}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c3_softcap(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the attribute 'softcap' to be a positive f32, but got 0.000000e+00 : f32}}
  %y = qk.kernel softcap(%x) {softcap = 0.0 : f32, operand_roles = ["x"]} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_scale(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qk.kernel' op expects a result of shape [?, 64], but got [?, 32]}}
  %y = qk.kernel scale(%x) {factor = 2.0 : f32, operand_roles = ["x"]} : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @kernel_c6_layer_norm(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %b: tensor<32xf32>) {
  // expected-error@below {{'qk.kernel' op expects a bias of shape [64], but got [32]}}
  %y = qk.kernel layer_norm(%x, %g, %b) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight", "bias"]}
      : (tensor<?x64xf32>, tensor<64xf32>, tensor<32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_positions(%x: tensor<?x64xf32>, %t: tensor<16x32xf32>, %p: index) {
  // expected-error@below {{'qk.kernel' op expects a table of shape [16, 64], but got [16, 32]}}
  %y = qk.kernel add_positions(%x, %t, %p) {operand_roles = ["x", "table", "position"]}
      : (tensor<?x64xf32>, tensor<16x32xf32>, index) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c6_routed(%x: tensor<?x64xf32>, %w: tensor<256x64xf32>, %r: tensor<?x4xf32>) {
  // expected-error@below {{'qk.kernel' op expects a result whose columns divide the 256 rows of all experts, but got 48}}
  %y = qk.kernel linear(%x, %w, %r) {compute = "f32", operand_roles = ["x", "w", "routing"]}
      : (tensor<?x64xf32>, tensor<256x64xf32>, tensor<?x4xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @kernel_c6_route(%x: tensor<?x8xf32>) {
  // expected-error@below {{'qk.kernel' op expects to choose at most 8 experts, but got 9}}
  %y = qk.kernel route(%x) {top = 9 : i64, operand_roles = ["x"]} : (tensor<?x8xf32>) -> tensor<?x18xf32>
  return
}

// -----

func.func @kernel_c6_dispatch(%x: tensor<?x8xf32>, %r: tensor<?x4xf32>) {
  // expected-error@below {{'qk.kernel' op expects a result of shape [?, 8], but got [?, 16]}}
  %y = qk.kernel dispatch(%x, %r) {experts = 8 : i64, operand_roles = ["x", "routing"]} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x16xf32>
  return
}
