// RUN: quant-opt %s --formats=%S/Inputs/formats.txt | FileCheck %s
// RUN: not quant-opt %s 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not quant-opt %s --formats=%S/Inputs/none.txt 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %s --formats=%S/Inputs/bad.txt 2>&1 | FileCheck %s --check-prefix=BAD

// A user's file of formats: its names are known beside Quern's.

// CHECK: #int3_g48 = #qt.format<i3 [1, 48], scale (u5 [1, 6], scale f16)>
// CHECK: #q8_0 = #qt.format<i8 [1, 32], scale f16, round away exact>
// CHECK: func private @mine(tensor<4x576xf32, #int3_g48>, tensor<4x64xf32, #q8_0>)
// UNKNOWN: error: expects the name or text of a format, but got 'int3_g48'
// NONE: quant-opt: error: {{.*}}none.txt: cannot open
// BAD: quant-opt: error: {{.*}}bad.txt:1:{{[0-9]+}}: {{.*}}but got 'f17'
func.func private @mine(tensor<4x576xf32, #qt.format<int3_g48>>, tensor<4x64xf32, #qt.format<q8_0>>)
