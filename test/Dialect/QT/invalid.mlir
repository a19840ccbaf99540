// RUN: quant-opt %s --split-input-file --verify-diagnostics

// expected-error@below {{expects '<' and a format after #qt.format}}
func.func private @format_absent(tensor<4x64xf32, #qt.format>)

// -----

// expected-error@below {{expects the name or text of a format, but got 'q5_9'; known names are f32, f16, bf16,}}
func.func private @format_unknown(tensor<4x64xf32, #qt.format<q5_9>>)

// -----

// The place is that of the wrong word, not of the attribute.

// expected-error@+2 {{but got 'f17'}}
func.func private @format_place(tensor<4x64xf32, #qt.format<i4 [1, 32],
    scale f17>>)

// -----

// expected-error@below {{expects columns divisible by 32 (one 'scale' a block), but got 60}}
func.func private @format_block(tensor<4x60xf32, #qt.format<i4 [1, 32], scale f16>>)

// -----

// expected-error@below {{expects at least one row and column, but got 4x0}}
func.func private @format_empty(tensor<4x0xf32, #qt.format<i4 [1, 32], scale f16>>)

// -----

// expected-error@below {{#qt.format expects a static second dimension, but got ?}}
func.func private @format_dynamic_columns(tensor<4x?xf32, #qt.format<i4 [1, 32], scale f16>>)

// -----

// expected-error@below {{#qt.format expects no column transforms in a tensor with a dynamic first dimension, but got i4 [1, 32], scale f16, columns rotated 64}}
func.func private @format_dynamic_transforms(tensor<?x64xf32, #qt.format<i4 [1, 32], scale f16, columns rotated 64>>)

// -----

// expected-error@below {{expects columns divisible by 64 (columns rotated), but got 96}}
func.func private @format_transforms(tensor<4x96xf32, #qt.format<i4 [1, 32], scale f16, columns rotated 64>>)

// -----

// expected-error@below {{expects 'of' to be a tensor whose #qt.format has column transforms, but got 'tensor<4x64xf32>'}}
param.global @part_c1 : tensor<4x64xf32> = #qt.part<#param.external<"model", "w">, of = tensor<4x64xf32>, part = "matrix">

// -----

// expected-error@below {{expects 'part' to be one of the parts of f16, columns ordered, but got "apart"}}
param.global @part_c2 : tensor<4x64xf32> = #qt.part<#param.external<"model", "w">, of = tensor<4x64xf32, #qt.format<f16, columns ordered>>, part = "apart">

// -----

// expected-error@below {{#qt.format expects blocks of 1 row in a tensor with a dynamic first dimension, but got 2}}
func.func private @format_dynamic_rows(tensor<?x64xf32, #qt.format<i4 [2, 32], scale f16>>)

// -----

// expected-error@below {{#qt.format expects blocks of 1 row in a tensor with a dynamic first dimension, but got *}}
func.func private @format_dynamic_rows_all(tensor<?x64xf32, #qt.format<i4 [1, 32], scale (f8E4M3FN [*, *], scale f32)>>)

// -----

// expected-error@below {{#qt.format expects a tensor of rank 2, but got rank 3}}
func.func private @format_rank(tensor<4x4x64xf32, #qt.format<i4 [1, 32], scale f16>>)

// -----

// expected-error@below {{#qt.format expects a tensor of floats, but got 'i4'}}
func.func private @format_element(tensor<4x64xi4, #qt.format<i4 [1, 32], scale f16>>)

// -----

param.global @encode_from : tensor<4x64xf32, #qt.format<q4_0>>
    // expected-error@below {{expects a float type after 'from', but got 'i8'}}
    = #qt.encode<#param.splat<0.0 : f32>, from = i8, solver = "rtn">

// -----

param.global @encode_flat : tensor<4x64xf32, #qt.format<q4_0>>
    // expected-error@below {{expects a flat format after 'flat', but got i4 [1, 64], scale f16}}
    = #qt.encode<#param.splat<0.0 : f32>, from = f32, solver = "rtn", flat = #qt.format<i4 [1, 64], scale f16>>

// -----

// expected-error@below {{#qt.format expects blocks within rows in a tensor with a dynamic first dimension, but got flat ones}}
func.func private @format_dynamic_flat(tensor<?x64xf32, #qt.format<i4 [64] flat, scale f16>>)

// -----

param.global @encode_solver : tensor<4x64xf32, #qt.format<q4_0>>
    // expected-error@below {{expects the name of a solver, but got ""}}
    = #qt.encode<#param.splat<0.0 : f32>, from = f32, solver = "">

// -----

func.func @quantize_c1(%x: tensor<4x64xf32>) {
  // expected-error@below {{'qt.quantize' op failed to verify that all of {input, result} have same shape}}
  %q = qt.quantize %x : tensor<4x64xf32> to tensor<8x64xf32, #qt.format<q4_0>>
  return
}

// -----

func.func @quantize_c2(%x: tensor<4x64xf32>) {
  // expected-error@below {{'qt.quantize' op failed to verify that all of {input, result} have same element type}}
  %q = qt.quantize %x : tensor<4x64xf32> to tensor<4x64xbf16, #qt.format<q4_0>>
  return
}

// -----

func.func @quantize_c3_input(%x: tensor<4x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'qt.quantize' op operand #0 must be 2D tensor without an encoding of floating-point values}}
  %q = qt.quantize %x : tensor<4x64xf32, #qt.format<q4_0>> to tensor<4x64xf32, #qt.format<q8_0>>
  return
}

// -----

func.func @quantize_c3_result(%x: tensor<4x64xf32>) {
  // expected-error@below {{'qt.quantize' op result #0 must be tensor with the encoding #qt.format of floating-point values, but got 'tensor<4x64xf32>'}}
  %q = qt.quantize %x : tensor<4x64xf32> to tensor<4x64xf32>
  return
}

// -----

func.func @dequantize_c1(%q: tensor<4x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'qt.dequantize' op failed to verify that all of {input, result} have same shape}}
  %x = qt.dequantize %q : tensor<4x64xf32, #qt.format<q4_0>> to tensor<4x32xf32>
  return
}

// -----

func.func @dequantize_c2(%q: tensor<4x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'qt.dequantize' op failed to verify that all of {input, result} have same element type}}
  %x = qt.dequantize %q : tensor<4x64xf32, #qt.format<q4_0>> to tensor<4x64xf16>
  return
}

// -----

func.func @dequantize_c3_input(%x: tensor<4x64xf32>) {
  // expected-error@below {{'qt.dequantize' op operand #0 must be tensor with the encoding #qt.format of floating-point values, but got 'tensor<4x64xf32>'}}
  %y = qt.dequantize %x : tensor<4x64xf32> to tensor<4x64xf32>
  return
}

// -----

func.func @dequantize_c3_result(%q: tensor<4x64xf32, #qt.format<q4_0>>) {
  // expected-error@below {{'qt.dequantize' op result #0 must be 2D tensor without an encoding of floating-point values}}
  %y = qt.dequantize %q : tensor<4x64xf32, #qt.format<q4_0>> to tensor<4x64xf32, #qt.format<q4_0>>
  return
}

// -----

func.func @observe_c1(%x: tensor<?x64xf32>) {
  // expected-error@below {{'qt.observe' op expects a name, but got ""}}
  qt.observe %x as "" : tensor<?x64xf32>
  return
}

// -----

func.func @observe_c2(%x: tensor<64xf32>) {
  // expected-error@below {{'qt.observe' op operand #0 must be 2D tensor without an encoding of floating-point values, but got 'tensor<64xf32>'}}
  qt.observe %x as "x" : tensor<64xf32>
  return
}
