// RUN: quant-translate --interpret %s

// A kernel computes what the nn operation of its kind computes, which its own
// test checks; a tile changes nothing.

!cache = !nn.kv_cache<layers = 2, heads = 1, head_dim = 2, element = f16>
#tile = #qk.tile<isa = "avx512", compute = "int8", rows = 8, columns = 32>
#i8 = #qt.format<i8 [1, 2], scale f32>

func.func @embedding() {
  %tokens = arith.constant dense<[1, 0]> : tensor<2xi32>
  %table = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %y = qk.kernel embedding(%tokens, %table) {operand_roles = ["tokens", "table"]} : (tensor<2xi32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %expected = nn.embedding %tokens, %table : (tensor<2xi32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  check.equal %y, %expected : tensor<2x2xf32>
  return
}

func.func @rms_norm() {
  %x = arith.constant dense<[[1.0, 7.0, 3.0, 5.0]]> : tensor<1x4xf32>
  %w = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %y = qk.kernel rms_norm(%x, %w) {eps = 1.0e-05 : f32, operand_roles = ["x", "weight"]} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  %expected = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>

  %w2 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %g = qk.kernel rms_norm(%x, %w2) {eps = 1.0e-05 : f32, group = 2 : i64, operand_roles = ["x", "weight"]} : (tensor<1x4xf32>, tensor<2xf32>) -> tensor<1x4xf32>
  %grouped = nn.rms_norm %x, %w2 eps 1.0e-05 group 2 : (tensor<1x4xf32>, tensor<2xf32>) -> tensor<1x4xf32>
  check.equal %g, %grouped : tensor<1x4xf32>
  return
}

// The bias and then the residual are added to the product, each sum rounded.
func.func @linear() {
  %x = arith.constant dense<[[1.00390625, 3.0]]> : tensor<1x2xf32>
  %w = arith.constant dense<[[256.0, 1.0]]> : tensor<1x2xf32>
  %bias = arith.constant dense<[0.5]> : tensor<1xf32>
  %residual = arith.constant dense<[[1000.0]]> : tensor<1x1xf32>
  %y = qk.kernel linear(%x, %w, %bias, %residual) {compute = "f32", operand_roles = ["x", "w", "bias", "residual"]} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %expected = arith.constant dense<[[1260.5]]> : tensor<1x1xf32>
  check.equal %y, %expected : tensor<1x1xf32>

  %b = qk.kernel linear(%x, %w) {compute = "bf16", operand_roles = ["x", "w"]} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x1xf32>
  %rounded = nn.linear %x, %w compute bf16 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x1xf32>
  check.equal %b, %rounded : tensor<1x1xf32>
  return
}

// The cap is the last thing that happens.
func.func @linear_softcap() {
  %x = arith.constant dense<[[1.0, 3.0]]> : tensor<1x2xf32>
  %w = arith.constant dense<[[2.0, 1.0]]> : tensor<1x2xf32>
  %residual = arith.constant dense<[[-4.0]]> : tensor<1x1xf32>
  %y = qk.kernel linear(%x, %w, %residual) {compute = "f32", softcap = 3.0 : f32, operand_roles = ["x", "w", "residual"]} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %sum = arith.constant dense<[[1.0]]> : tensor<1x1xf32>
  %expected = nn.softcap %sum cap 3.0 : tensor<1x1xf32>
  check.equal %y, %expected : tensor<1x1xf32>
  %apart = qk.kernel softcap(%sum) {softcap = 3.0 : f32, operand_roles = ["x"]} : (tensor<1x1xf32>) -> tensor<1x1xf32>
  check.equal %apart, %expected : tensor<1x1xf32>
  return
}

func.func @scale() {
  %x = arith.constant dense<[[1.0, 3.0]]> : tensor<1x2xf32>
  %y = qk.kernel scale(%x) {factor = 0.5 : f32, operand_roles = ["x"]} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %expected = nn.scale %x by 0.5 : tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>
  return
}

func.func @rms_norm_unit_offset() {
  %x = arith.constant dense<[[1.0, 3.0]]> : tensor<1x2xf32>
  %g = arith.constant dense<[0.5, -0.25]> : tensor<2xf32>
  %y = qk.kernel rms_norm(%x, %g) {eps = 0.0 : f32, unit_offset, operand_roles = ["x", "weight"]} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %expected = nn.rms_norm %x, %g eps 0.0 unit_offset : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>
  return
}

// The integer mode is a product of decoded operands.
func.func @linear_int8() {
  %x = arith.constant dense<[[63.5, 31.4]]> : tensor<1x2xf32>
  %w = arith.constant dense<[[31.75, 15.8]]> : tensor<1x2xf32>
  %xq = qk.kernel quantize(%x) {operand_roles = ["x"]} : (tensor<1x2xf32>) -> tensor<1x2xf32, #i8>
  %wq = qt.quantize %w : tensor<1x2xf32> to tensor<1x2xf32, #i8>
  %y = qk.kernel linear(%xq, %wq) tile #tile {compute = "int8", operand_roles = ["x", "w"]} : (tensor<1x2xf32, #i8>, tensor<1x2xf32, #i8>) -> tensor<1x1xf32>
  %expected = arith.constant dense<[[2512.25]]> : tensor<1x1xf32>
  check.equal %y, %expected : tensor<1x1xf32>
  return
}

func.func @rope() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %table = param.load @table : tensor<8x2xf32>
  %position = arith.constant 5 : index
  %y = qk.kernel rope(%x, %table, %position) {head_dim = 2 : i64, operand_roles = ["x", "table", "position"]} : (tensor<2x4xf32>, tensor<8x2xf32>, index) -> tensor<2x4xf32>
  %expected = nn.rope %x at %position {head_dim = 2 : i64, inverse_frequencies = array<f32: 0.7>} : tensor<2x4xf32>
  check.equal %y, %expected : tensor<2x4xf32>
  return
}
param.global @table : tensor<8x2xf32> = #nn.rope_table<positions = 8, inverse_frequencies = [0.7]>

func.func @hadamard() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %y = qk.kernel hadamard(%x) {group = 4 : i64, operand_roles = ["x"]} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %expected = nn.hadamard %x group 4 : tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>
  return
}

func.func @columns() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %c = arith.constant dense<[[2.0, 3.0, 0.0, 7.0]]> : tensor<1x4xf32>
  %y = qk.kernel gather_columns(%x, %c) {operand_roles = ["x", "columns"]} : (tensor<2x3xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
  %chosen = arith.constant dense<[[3.0, 0.0, 1.0, 0.0], [6.0, 0.0, 4.0, 0.0]]> : tensor<2x4xf32>
  check.equal %y, %chosen : tensor<2x4xf32>
  %yn = nn.gather_columns %x, %c : (tensor<2x3xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
  check.equal %yn, %chosen : tensor<2x4xf32>
  %s = arith.constant dense<[[2.0, -1.0, 0.5]]> : tensor<1x3xf32>
  %z = qk.kernel scale_columns(%x, %s) {operand_roles = ["x", "scales"]} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<2x3xf32>
  %scaled = arith.constant dense<[[2.0, -2.0, 1.5], [8.0, -5.0, 3.0]]> : tensor<2x3xf32>
  check.equal %z, %scaled : tensor<2x3xf32>
  %zn = nn.scale_columns %x, %s : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<2x3xf32>
  check.equal %zn, %scaled : tensor<2x3xf32>
  return
}

func.func @attention(%a: !cache, %b: !cache) {
  %k = arith.constant dense<[[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]> : tensor<3x2xf32>
  %v = arith.constant dense<[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]> : tensor<3x2xf32>
  %zero = arith.constant 0 : index
  qk.kernel kv_append(%k, %v, %a, %zero) {layer = 1 : i64, operand_roles = ["key", "value", "cache", "position"]} : (tensor<3x2xf32>, tensor<3x2xf32>, !cache, index) -> ()
  nn.kv_append %k, %v into %b[1] at %zero : tensor<3x2xf32>, !cache
  %q = arith.constant dense<[[1.0, 0.0, 0.0, 1.0]]> : tensor<1x4xf32>
  %two = arith.constant 2 : index
  %y = qk.kernel attention(%q, %a, %two) {layer = 1 : i64, scale = 0.5 : f32, operand_roles = ["query", "cache", "position"]} : (tensor<1x4xf32>, !cache, index) -> tensor<1x4xf32>
  %expected = nn.attention %q, %b[1] at %two scale 0.5 : (tensor<1x4xf32>, !cache) -> tensor<1x4xf32>
  check.equal %y, %expected : tensor<1x4xf32>

  %w = qk.kernel attention(%q, %a, %two) {layer = 1 : i64, scale = 0.5 : f32, window = 1 : i64, operand_roles = ["query", "cache", "position"]} : (tensor<1x4xf32>, !cache, index) -> tensor<1x4xf32>
  %windowed = nn.attention %q, %b[1] at %two scale 0.5 window 1 : (tensor<1x4xf32>, !cache) -> tensor<1x4xf32>
  check.equal %w, %windowed : tensor<1x4xf32>

  %c = qk.kernel attention(%q, %a, %two) {layer = 1 : i64, scale = 0.5 : f32, softcap = 0.5 : f32, operand_roles = ["query", "cache", "position"]} : (tensor<1x4xf32>, !cache, index) -> tensor<1x4xf32>
  %capped = nn.attention %q, %b[1] at %two scale 0.5 softcap 0.5 : (tensor<1x4xf32>, !cache) -> tensor<1x4xf32>
  check.equal %c, %capped : tensor<1x4xf32>
  return
}

func.func @add() {
  %a = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %b = arith.constant dense<[[10.0, 20.0]]> : tensor<1x2xf32>
  %y = qk.kernel add(%a, %b) {operand_roles = ["lhs", "rhs"]} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %expected = arith.constant dense<[[11.0, 22.0]]> : tensor<1x2xf32>
  check.equal %y, %expected : tensor<1x2xf32>
  return
}

// A result with a format is quantized as it is written.
func.func @gated_activation() {
  %gate = arith.constant dense<[[1.0, -2.0]]> : tensor<1x2xf32>
  %up = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %y = qk.kernel gated_activation(%gate, %up) {activation = "silu", operand_roles = ["gate", "up"]} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32, #i8>
  %plain = nn.gated_activation silu %gate, %up : tensor<1x2xf32>
  %quantized = qt.quantize %plain : tensor<1x2xf32> to tensor<1x2xf32, #i8>
  %expected = qt.dequantize %quantized : tensor<1x2xf32, #i8> to tensor<1x2xf32>
  %actual = qt.dequantize %y : tensor<1x2xf32, #i8> to tensor<1x2xf32>
  check.equal %actual, %expected : tensor<1x2xf32>
  return
}

func.func @last_rows() {
  %x = arith.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %one = arith.constant 1 : index
  %y = qk.kernel last_rows(%x, %one) {operand_roles = ["x", "rows"]} : (tensor<3x1xf32>, index) -> tensor<1x1xf32>
  %expected = arith.constant dense<[[3.0]]> : tensor<1x1xf32>
  check.equal %y, %expected : tensor<1x1xf32>
  return
}
