// RUN: quant-opt %s --split-input-file --verify-diagnostics

// expected-error@below {{expects a scope and a key that are not empty, but got "" and "w"}}
param.global @external_scope : tensor<4xf32> = #param.external<"", "w">

// -----

// expected-error@below {{expects a scope and a key that are not empty, but got "model" and ""}}
param.global @external_key : tensor<4xf32> = #param.external<"model", "">

// -----

// expected-error@below {{'param.global' op attribute 'type' failed to satisfy constraint: type attribute of statically shaped tensor of any type values}}
param.global @global_c1_dynamic : tensor<?xf32> = #param.splat<0.0 : f32>

// -----

// expected-error@below {{'param.global' op attribute 'type' failed to satisfy constraint: type attribute of statically shaped tensor of any type values}}
param.global @global_c1_scalar : f32 = #param.splat<0.0 : f32>

// -----

// expected-error@below {{'param.global' op expects an initial value such as #param.external<...>, but got the builtin attribute dense<0.000000e+00> : tensor<4xf32>}}
param.global @global_c2 : tensor<4xf32> = dense<0.0> : tensor<4xf32>

// -----

// expected-error@below {{'param.global' op expects a layout such as #qk.layout<...>, but got the builtin attribute "rows"}}
param.global @global_c3 : tensor<4xf32> layout "rows" = #param.splat<0.0 : f32>

// -----

func.func @load_c1_missing() {
  // expected-error@below {{'param.load' op expects the name of a param.global, but got @weight}}
  %w = param.load @weight : tensor<4xf32>
  return
}

// -----

func.func @load_c1_function() {
  // expected-error@below {{'param.load' op expects the name of a param.global, but got @load_c1_function}}
  %w = param.load @load_c1_function : tensor<4xf32>
  return
}

// -----

// expected-note@below {{the global is declared here}}
param.global @weight : tensor<4xf32> = #param.splat<0.0 : f32>
func.func @load_c2() {
  // expected-error@below {{'param.load' op expects the type of the global, 'tensor<4xf32>', but got 'tensor<8xf32>'}}
  %w = param.load @weight : tensor<8xf32>
  return
}

// -----

// expected-error@below {{expects a first row from 0, a run and a stride from 1, each up to 1073741824, but got 0, 0 and 1}}
param.global @view : tensor<4x4xf32> = #param.view<source = #param.external<"model", "w">, first = 0, run = 0, stride = 1>

// -----

// expected-error@below {{expects a scope and a key with one star, but got "model" and "experts.up"}}
param.global @stack : tensor<4x4xf32> = #param.stack<"model", "experts.up", count = 4>

// -----

// expected-error@below {{expects a count from 1 to 65536, but got 0}}
param.global @stack : tensor<4x4xf32> = #param.stack<"model", "experts.*.up", count = 0>

// -----

// expected-error@below {{expects an initial value such as #param.external<...>, but got the builtin attribute "w"}}
param.global @sum : tensor<4xf32> = #param.sum<"w", 1.0 : f32>

// -----

// expected-error@below {{expects a finite f32 to add, but got 1.000000e+00 : f64}}
param.global @sum : tensor<4xf32> = #param.sum<#param.external<"model", "w">, 1.0 : f64>
