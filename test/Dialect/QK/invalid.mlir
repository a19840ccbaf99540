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
  // expected-error@below {{'qk.kernel' op expects the roles [x, w, (bias), (residual)] for kind linear, but got [x]}}
  %y = qk.kernel linear(%x) {compute = "f32", operand_roles = ["x"]} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @kernel_c2_order(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>, %b: tensor<64xf32>) {
  // expected-error@below {{'qk.kernel' op expects the roles [x, w, (bias), (residual)] for kind linear, but got [x, w, residual, bias]}}
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
