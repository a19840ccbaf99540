// REQUIRES: slow
// RUN: cmake -S %S -B %t -G Ninja -DCMAKE_CXX_COMPILER=%{cxx} -DCMAKE_C_COMPILER=%{cc} \
// RUN:   -DMLIR_DIR=%{llvm_prefix}/lib/cmake/mlir -DQUERN_SOURCE_DIR=%{quern_src_root} -DQUERN_BINARY_DIR=%{quern_obj_root}
// RUN: cmake --build %t
// RUN: quant-opt %s --load-dialect-plugin=%t/DemoPlugin.so --load-pass-plugin=%t/DemoPlugin.so \
// RUN:   --pass-pipeline='builtin.module(func.func(demo-find-doubles))' | FileCheck %s
// RUN: not quant-opt %s --pass-pipeline='builtin.module(func.func(demo-find-doubles))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=WITHOUT

// The plugin is configured, built and loaded as a user would do it.

// CHECK-LABEL: func @sums
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[Y:.*]]: tensor<?x64xf32>
// WITHOUT: 'demo-find-doubles' does not refer to a registered pass
func.func @sums(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[D:.*]] = demo.double %[[X]] : tensor<?x64xf32>
  // CHECK-NEXT: nn.add %[[D]], %[[Y]]
  %a = nn.add %x, %x : tensor<?x64xf32>
  %b = nn.add %a, %y : tensor<?x64xf32>
  return %b : tensor<?x64xf32>
}
