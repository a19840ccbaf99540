// RUN: rm -rf %t && quant-translate --interpret %s --probe %t
// RUN: FileCheck %s < %t/index.csv
// RUN: %python -c "import sys; print(open(sys.argv[1], 'rb').read())" %t/0002-nn.add.npy | FileCheck %s --check-prefix=NPY

// Every value is a file.
// CHECK: file,operation,result,shape,location
// CHECK-NEXT: 0001-arith.constant.npy,arith.constant,0,"[1, 2]","loc({{.*}}probe.mlir':[[#@LINE + 5]]:8)"
// CHECK-NEXT: 0002-nn.add.npy,nn.add,0,"[1, 2]","loc({{.*}}probe.mlir':[[#@LINE + 5]]:8)"
// CHECK-NOT: {{.}}
// NPY: \x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1,2,), }{{ *}}\n\x00\x00\x00@\x00\x00@@
func.func @probe() {
  %x = arith.constant dense<[[1.0, 1.5]]> : tensor<1x2xf32>
  %y = nn.add %x, %x : tensor<1x2xf32>
  return
}
