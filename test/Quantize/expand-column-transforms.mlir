// RUN: quant-opt %s -quantize-expand-column-transforms | FileCheck %s

#scaled = #qt.format<i4 [1, 32], scale f16, columns scaled f16, columns ordered>
#apart = #qt.format<i8 [1, *], scale f32, columns apart 8 (i8 [1, *], scale f16)>
#rotated = #qt.format<i4 [1, 32], scale f16, columns rotated 64>
#stored = #qt.format<u4 [1, 32], scale f16, columns ordered>

// CHECK-DAG: #[[$SCALED:.*]] = #qt.format<i4 [1, 32], scale f16, columns scaled f16, columns ordered>
// CHECK-DAG: #[[$APART:.*]] = #qt.format<i8 [1, *], scale f32, columns apart 8 (i8 [1, *], scale f16)>
// CHECK-DAG: #[[$KEPT:.*]] = #qt.format<i8 [1, *], scale f16>
// CHECK-DAG: #[[$U16:.*]] = #qt.format<u16>

// The weight keeps what is coded as before; the rest is beside it.
// CHECK: param.global @scaled : tensor<96x64xbf16, #int4_g32> = #qt.encode<#qt.part<#param.external<"model", "s">, of = tensor<96x64xbf16, #[[$SCALED]]>, part = "matrix">, from = f32, solver = "mse">
// CHECK-DAG: param.global @scaled.order : tensor<1x64xf32, #[[$U16]]> = #qt.encode<#qt.part<#param.external<"model", "s">, of = tensor<96x64xbf16, #[[$SCALED]]>, part = "order">, from = f32, solver = "rtn">
// CHECK-DAG: param.global @scaled.order.inverse : tensor<1x64xf32, #[[$U16]]>
// CHECK-DAG: param.global @scaled.column_scale : tensor<1x64xf32, #f16> = #qt.encode<#qt.part<#param.external<"model", "s">, of = tensor<96x64xbf16, #[[$SCALED]]>, part = "column_scale">, from = f32, solver = "rtn">
param.global @scaled : tensor<96x64xbf16, #scaled>
    = #qt.encode<#param.external<"model", "s">, from = bf16, solver = "mse">
// CHECK: param.global @apart : tensor<96x64xbf16, #int8_channel>
// CHECK-DAG: param.global @apart.apart.rest : tensor<1x64xf32, #[[$U16]]>
// CHECK-DAG: param.global @apart.apart.column : tensor<1x8xf32, #[[$U16]]>
// CHECK-DAG: param.global @apart.apart : tensor<96x8xf32, #[[$KEPT]]> = #qt.encode<#qt.part<{{.*}}, part = "apart">, from = f32, solver = "mse">
// CHECK-DAG: param.global @apart.apart.place : tensor<1x64xf32, #[[$U16]]>
param.global @apart : tensor<96x64xbf16, #apart>
    = #qt.encode<#param.external<"model", "a">, from = bf16, solver = "mse">
param.global @one : tensor<96x64xbf16, #rotated>
    = #qt.encode<#param.external<"model", "o">, from = bf16, solver = "rtn">
param.global @two : tensor<96x64xbf16, #rotated>
    = #qt.encode<#param.external<"model", "t">, from = bf16, solver = "rtn">
// Of a weight whose codes a container holds, the matrix takes them as they are.
// CHECK: param.global @stored : tensor<96x64xf32, #[[$U4:.*]]> = #qt.part<#qk.stored<{{.*}}>, of = tensor<96x64xf32, #[[$STORED:.*]]>, part = "matrix">
// CHECK-DAG: param.global @stored.order : tensor<1x64xf32, #[[$U16]]> = #qt.encode<#qt.part<#qk.stored<{{.*}}>, of = tensor<96x64xf32, #{{.*}}>, part = "order">, from = f32, solver = "rtn">
param.global @stored : tensor<96x64xf32, #stored> = #qk.stored<
    [#param.external<"model", "codes">, #param.external<"model", "scales">, #param.external<"model", "groups">],
    format = #stored,
    layout = #qk.layout<tile [1, *] 32B { code @0 col(64:4) } + tile [1, *] 4B { scale @0 col(2:16) }>>
param.global @bias : tensor<96xbf16> = #param.external<"model", "b">

// The last transform of the weight is the first of its input.
// CHECK-LABEL: @chain
func.func @chain(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %w = param.load @scaled : tensor<96x64xbf16, #scaled>
  %b = param.load @bias : tensor<96xbf16>
  // CHECK: %[[O:.*]] = param.load @scaled.order : tensor<1x64xf32, #[[$U16]]>
  // CHECK: %[[X1:.*]] = nn.gather_columns %arg0, %[[O]] : (tensor<?x64xf32>, tensor<1x64xf32, #[[$U16]]>) -> tensor<?x64xf32>
  // CHECK: %[[S:.*]] = param.load @scaled.column_scale
  // CHECK: %[[X2:.*]] = nn.scale_columns %[[X1]], %[[S]]
  // CHECK: %[[W:.*]] = param.load @scaled : tensor<96x64xbf16, #int4_g32>
  // CHECK: %[[Y:.*]] = nn.linear %[[X2]], %[[W]] bias %{{.*}} compute bf16
  // CHECK: return %[[Y]]
  %y = nn.linear %x, %w bias %b compute bf16 : (tensor<?x64xf32>, tensor<96x64xbf16, #scaled>, tensor<96xbf16>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// Both linears share one transform.
// CHECK-LABEL: @shared
func.func @shared(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %v = param.load @one : tensor<96x64xbf16, #rotated>
  %w = param.load @two : tensor<96x64xbf16, #rotated>
  // CHECK: %[[R:.*]] = nn.hadamard %arg0 group 64
  // CHECK-NOT: nn.hadamard
  // CHECK: nn.linear %[[R]],
  // CHECK: nn.linear %[[R]],
  %y = nn.linear %x, %v : (tensor<?x64xf32>, tensor<96x64xbf16, #rotated>) -> tensor<?x96xf32>
  %z = nn.linear %x, %w : (tensor<?x64xf32>, tensor<96x64xbf16, #rotated>) -> tensor<?x96xf32>
  %s = nn.add %y, %z : tensor<?x96xf32>
  return %s : tensor<?x96xf32>
}

// What is kept apart is a product of its own, added to the result, or to what
// that is added to.
// CHECK-LABEL: @kept_apart
func.func @kept_apart(%x: tensor<?x64xf32>, %r: tensor<?x96xf32>) -> (tensor<?x96xf32>, tensor<?x96xf32>) {
  %w = param.load @apart : tensor<96x64xbf16, #apart>
  // CHECK: %[[I:.*]] = param.load @apart.apart.rest
  // CHECK: %[[X:.*]] = nn.gather_columns %arg0, %[[I]]
  // CHECK: %[[C:.*]] = param.load @apart.apart.column
  // CHECK: %[[G:.*]] = nn.gather_columns %arg0, %[[C]] : (tensor<?x64xf32>, tensor<1x8xf32, #[[$U16]]>) -> tensor<?x8xf32>
  // CHECK: %[[A:.*]] = param.load @apart.apart : tensor<96x8xf32, #[[$KEPT]]>
  // CHECK: %[[P:.*]] = nn.linear %[[G]], %[[A]] : (tensor<?x8xf32>, tensor<96x8xf32, #[[$KEPT]]>) -> tensor<?x96xf32>
  // CHECK: %[[M:.*]] = nn.linear %[[X]],
  // CHECK: %[[R:.*]] = nn.add %arg1, %[[P]]
  // CHECK: %[[S:.*]] = nn.add %[[R]], %[[M]]
  %y = nn.linear %x, %w : (tensor<?x64xf32>, tensor<96x64xbf16, #apart>) -> tensor<?x96xf32>
  %s = nn.add %r, %y : tensor<?x96xf32>
  // CHECK: %[[P2:.*]] = nn.linear {{.*}}tensor<96x8xf32
  // CHECK: %[[M2:.*]] = nn.linear {{.*}}tensor<96x64xbf16
  // CHECK: %[[Z:.*]] = nn.add %[[P2]], %[[M2]]
  // CHECK: return %[[S]], %[[Z]]
  %z = nn.linear %x, %w : (tensor<?x64xf32>, tensor<96x64xbf16, #apart>) -> tensor<?x96xf32>
  return %s, %z : tensor<?x96xf32>, tensor<?x96xf32>
}

// Rows of a table go the other way: the first transform comes first.
// CHECK-LABEL: @rows
func.func @rows(%t: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %v = param.load @scaled : tensor<96x64xbf16, #scaled>
  %w = param.load @apart : tensor<96x64xbf16, #apart>
  // CHECK: %[[E:.*]] = nn.embedding %arg0, %{{.*}} : (tensor<?xi32>, tensor<96x64xbf16, #int4_g32>)
  // CHECK: %[[E1:.*]] = nn.scale_columns %[[E]],
  // CHECK: %[[O:.*]] = param.load @scaled.order.inverse
  // CHECK: %[[E2:.*]] = nn.gather_columns %[[E1]], %[[O]]
  %e = nn.embedding %t, %v : (tensor<?xi32>, tensor<96x64xbf16, #scaled>) -> tensor<?x64xf32>
  // CHECK: %[[F:.*]] = nn.embedding %arg0, %{{.*}} : (tensor<?xi32>, tensor<96x64xbf16, #int8_channel>)
  // CHECK: %[[F1:.*]] = nn.gather_columns %[[F]],
  // CHECK: %[[K:.*]] = nn.embedding %arg0, %{{.*}} : (tensor<?xi32>, tensor<96x8xf32, #[[$KEPT]]>) -> tensor<?x8xf32>
  // CHECK: %[[I:.*]] = param.load @apart.apart.place
  // CHECK: %[[K1:.*]] = nn.gather_columns %[[K]], %[[I]] : (tensor<?x8xf32>, tensor<1x64xf32, #[[$U16]]>) -> tensor<?x64xf32>
  // CHECK: %[[F2:.*]] = nn.add %[[F1]], %[[K1]]
  // CHECK: return %[[E2]], %[[F2]]
  %f = nn.embedding %t, %w : (tensor<?xi32>, tensor<96x64xbf16, #apart>) -> tensor<?x64xf32>
  return %e, %f : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: @stored_linear
func.func @stored_linear(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %w = param.load @stored : tensor<96x64xf32, #stored>
  // CHECK: %[[O:.*]] = param.load @stored.order
  // CHECK: %[[G:.*]] = nn.gather_columns %arg0, %[[O]]
  // CHECK: %[[W:.*]] = param.load @stored : tensor<96x64xf32, #[[$U4]]>
  // CHECK: nn.linear %[[G]], %[[W]]
  %y = nn.linear %x, %w : (tensor<?x64xf32>, tensor<96x64xf32, #stored>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
