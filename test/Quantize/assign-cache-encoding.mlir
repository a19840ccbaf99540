// RUN: quant-opt %s -quantize-assign-cache-encoding="format=int8_g32" | FileCheck %s --check-prefix=INT8
// RUN: quant-opt %s -quantize-assign-cache-encoding="format='f8E4M3FN'" | FileCheck %s --check-prefix=FP8
// RUN: quant-opt %s -quantize-assign-cache-encoding="format=f32" | FileCheck %s --check-prefix=F32
// RUN: quant-opt %s -quantize-assign-cache-encoding="format=int8_g32" | quant-opt -quantize-assign-cache-encoding="format=f16" | FileCheck %s --check-prefix=F16
// RUN: not quant-opt %s -quantize-assign-cache-encoding="format=int9_g32" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %s -quantize-assign-cache-encoding="format=int4_g64" 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not quant-opt %s -quantize-assign-cache-encoding="format=fp8_block" 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %s -quantize-assign-cache-encoding="format=int8_tensor" 2>&1 | FileCheck %s --check-prefix=TENSOR

// NAME: error: KV cache: expects the name or text of a format, but got 'int9_g32'
// GROUP: error: a KV cache of i4 [1, 64], scale f16 for heads of 32: expects columns divisible by 64 (one 'scale' a block), but got 32
// ROWS: error: a KV cache of f8E4M3FN [128, 128] partial, scale f32 for heads of 32: #qt.format expects blocks of 1 row in a tensor with a dynamic first dimension, but got 128
// TENSOR: error: a KV cache of i8 [*, *], scale f32 for heads of 32: #qt.format expects blocks of 1 row in a tensor with a dynamic first dimension, but got *

// INT8: func.func @forward({{.*}}: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f32, encoding = #int8_g32>)
// INT8: nn.kv_append {{.*}} : tensor<?x64xf32>, <layers = 1, heads = 2, head_dim = 32, element = f32, encoding = #int8_g32>
// FP8: func.func @forward({{.*}}: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f32, encoding = #{{.*}}>)
// F32: func.func @forward({{.*}}: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f32>)
// F16: func.func @forward({{.*}}: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>)
func.func @forward(%x: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>) {
  nn.kv_append %x, %x into %cache[0] at %p : tensor<?x64xf32>,
      !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>
  return
}

// A declaration's cache has the same numbers.
// INT8: func.func private @declared(!nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f32, encoding = #int8_g32>)
func.func private @declared(!nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>)
