// RUN: quant-opt %s -quantize-set-compute="compute=bf16" | FileCheck %s
// RUN: quant-opt %s -quantize-set-compute="compute=f32" | FileCheck %s --check-prefix=F32
// RUN: not quant-opt %s -quantize-set-compute="compute=f64" 2>&1 | FileCheck %s --check-prefix=INVALID

// INVALID: error: expects compute 'f32', 'bf16' or 'int8', but got 'f64'

// CHECK-LABEL: @products
// F32-LABEL: @products
func.func @products(%x: tensor<?x64xf32>, %w: tensor<8x64xbf16>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: nn.linear %{{.*}}, %{{.*}} compute bf16 :
  // F32: nn.linear %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
  %0 = nn.linear %x, %w : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
  // CHECK: nn.linear %{{.*}}, %{{.*}} compute bf16 :
  // F32: nn.linear %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
  %1 = nn.linear %x, %w compute bf16 : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}
