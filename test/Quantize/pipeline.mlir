// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize{format=Q4_0 compute=int8})" | FileCheck %s --check-prefixes=CHECK,INT8
// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize{format=Q4_0 compute=bf16 solver=mse})" | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: not quant-opt %s -pass-pipeline="builtin.module(quantize{compute=int4})" 2>&1 | FileCheck %s --check-prefix=INVALID

// RUN: quant-opt %s -pass-pipeline="builtin.module(quantize{kv-cache=fp8_channel kv-rotate=true})" | FileCheck %s --check-prefix=CACHE

// INVALID: error: expects compute 'f32', 'bf16' or 'int8', but got 'int4'

// CHECK: param.global @w : tensor<8x64xbf16, #q4_0> = #qt.encode
// INT8-SAME: solver = "rtn"
// BF16-SAME: solver = "mse"
param.global @w : tensor<8x64xbf16> = #param.external<"model", "w">

// CHECK-LABEL: @forward
func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x8xf32> {
  %w = param.load @w : tensor<8x64xbf16>
  // INT8: %[[X:.*]] = qt.quantize
  // INT8: nn.linear %[[X]], %{{[a-z0-9]+}} :
  // BF16-NOT: qt.quantize
  // BF16: nn.linear %{{.*}} compute bf16
  %0 = nn.linear %x, %w : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// CACHE-LABEL: @cached
// CACHE-SAME: element = f32, encoding = #fp8_channel>
// CACHE: nn.hadamard %arg0 group 32
func.func @cached(%q: tensor<?x64xf32>, %p: index,
    %cache: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>) -> tensor<?x64xf32> {
  %a = nn.attention %q, %cache[0] at %p scale 1.0
      : (tensor<?x64xf32>, !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>) -> tensor<?x64xf32>
  return %a : tensor<?x64xf32>
}
