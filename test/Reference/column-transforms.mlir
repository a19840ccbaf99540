// RUN: %python %S/Inputs/write_weights.py %t.safetensors
// RUN: quant-translate --interpret %s --weights %t.safetensors
// RUN: quant-opt %s -quantize-expand-column-transforms -o %t.mlir
// RUN: quant-translate --interpret %t.mlir --weights %t.safetensors

// A product with a weight whose columns are transformed is what it is without,
// before the transforms become operations and afterwards. The elements lose
// nothing, so that a transform in the wrong place shows.

#ordered = #qt.format<f32, columns ordered>
#apart = #qt.format<f32, columns apart 1 f16>
#scaled = #qt.format<f32, columns scaled f32>
#chain = #qt.format<f32, columns scaled f16, columns apart 1 f32, columns rotated 4, columns ordered, columns scaled f32>

param.global @ordered : tensor<2x4xbf16, #ordered> = #qt.encode<#param.external<"model", "wide">, from = bf16, solver = "rtn">
param.global @apart : tensor<2x4xbf16, #apart> = #qt.encode<#param.external<"model", "wide">, from = bf16, solver = "rtn">
param.global @scaled : tensor<2x4xbf16, #scaled> = #qt.encode<#param.external<"model", "wide">, from = bf16, solver = "mse">
param.global @chain : tensor<2x4xbf16, #chain> = #qt.encode<#param.external<"model", "wide">, from = bf16, solver = "rtn">

// The weight is [[2, -8, 4, 1], [-1, 6, 3, 0.5]]; by energy its columns are 1, 2,
// 0, 3, which is not its own inverse.
func.func @linear() {
  %x = arith.constant dense<[[1.0, 2.0, -1.0, 0.5], [3.0, -1.0, 2.0, 4.0]]> : tensor<2x4xf32>
  %r = arith.constant dense<[[0.5, 0.5], [0.5, 0.5]]> : tensor<2x2xf32>
  %expected = arith.constant dense<[[-17.5, 8.25], [26.0, -1.0]]> : tensor<2x2xf32>
  %o = param.load @ordered : tensor<2x4xbf16, #ordered>
  %yo = nn.linear %x, %o : (tensor<2x4xf32>, tensor<2x4xbf16, #ordered>) -> tensor<2x2xf32>
  check.equal %yo, %expected : tensor<2x2xf32>
  %a = param.load @apart : tensor<2x4xbf16, #apart>
  %ya = nn.linear %x, %a : (tensor<2x4xf32>, tensor<2x4xbf16, #apart>) -> tensor<2x2xf32>
  check.equal %ya, %expected : tensor<2x2xf32>
  %s = param.load @scaled : tensor<2x4xbf16, #scaled>
  %ys = nn.linear %x, %s : (tensor<2x4xf32>, tensor<2x4xbf16, #scaled>) -> tensor<2x2xf32>
  check.within %ys, %expected absolute 1.0e-05 : tensor<2x2xf32>
  %c = param.load @chain : tensor<2x4xbf16, #chain>
  %yc = nn.linear %x, %c : (tensor<2x4xf32>, tensor<2x4xbf16, #chain>) -> tensor<2x2xf32>
  check.within %yc, %expected absolute 1.0e-05 : tensor<2x2xf32>

  // With a residual connection.
  %ysum = nn.linear %x, %a : (tensor<2x4xf32>, tensor<2x4xbf16, #apart>) -> tensor<2x2xf32>
  %sum = nn.add %r, %ysum : tensor<2x2xf32>
  %more = nn.add %r, %expected : tensor<2x2xf32>
  check.equal %sum, %more : tensor<2x2xf32>
  return
}

func.func @embedding() {
  %t = arith.constant dense<[1, 0]> : tensor<2xi32>
  %expected = arith.constant dense<[[-1.0, 6.0, 3.0, 0.5], [2.0, -8.0, 4.0, 1.0]]> : tensor<2x4xf32>
  %o = param.load @ordered : tensor<2x4xbf16, #ordered>
  %yo = nn.embedding %t, %o : (tensor<2xi32>, tensor<2x4xbf16, #ordered>) -> tensor<2x4xf32>
  check.equal %yo, %expected : tensor<2x4xf32>
  %a = param.load @apart : tensor<2x4xbf16, #apart>
  %ya = nn.embedding %t, %a : (tensor<2xi32>, tensor<2x4xbf16, #apart>) -> tensor<2x4xf32>
  check.equal %ya, %expected : tensor<2x4xf32>
  %s = param.load @scaled : tensor<2x4xbf16, #scaled>
  %ys = nn.embedding %t, %s : (tensor<2xi32>, tensor<2x4xbf16, #scaled>) -> tensor<2x4xf32>
  check.within %ys, %expected absolute 1.0e-05 : tensor<2x4xf32>
  %c = param.load @chain : tensor<2x4xbf16, #chain>
  %yc = nn.embedding %t, %c : (tensor<2xi32>, tensor<2x4xbf16, #chain>) -> tensor<2x4xf32>
  check.within %yc, %expected absolute 1.0e-05 : tensor<2x4xf32>
  return
}
