// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Passes of the Quantize phase: which numbers the codes of each weight
// and activation stand for, and how products are computed.

#ifndef QUERN_QUANTIZE_PASSES_TD
#define QUERN_QUANTIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignEncodingsPass : Pass<"quantize-assign-encodings", "::mlir::ModuleOp"> {
  let summary = "Choose the format of each weight by rules";
  let description = [{
    Gives the weights of `nn.linear` and `nn.embedding` an encoding: `format`,
    unless a rule matches. A rule is `PATTERN=FORMAT`; the pattern is a glob
    over the names of the globals (`*`, `?`, `[...]`), and `linear:` or
    `embedding:` in front of it asks for a weight that such an op uses. The last
    rule that matches decides. A format is a name or a text, wherever one is
    written. A rule that matches no weight is an error.

    `format` may also be a mixture of llama-quantize, such as `Q4_K_M`
    (share/llama-quantize.txt), which gives each weight the type of ggml that it
    would have there; one that has the name of a format is `llama:NAME`.

    With `layers-only`, the embedding and the output matrix (`lm_head.weight`)
    get a format by rules only, as those who quantize checkpoints have it.

    A weight that a format's blocks do not divide takes the first format of
    `fallback` that fits and has no fewer bits an element; a remark says so. If
    none fits, that is an error. Weights that arrived with an encoding keep it,
    and so does a weight whose element type is the unscaled format it would get.

    The values are coded when the artifact is written, by `solver`: `rtn` uses
    the scale rule of the format, `mse` searches for the scales with the least
    squared error.

    Example:

    ```mlir
    param.global @up : tensor<128x64xbf16> = #param.external<"model", "up">
    func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
      %w = param.load @up : tensor<128x64xbf16>
      %y = nn.linear %x, %w
          : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```

    becomes, with `format="i8 [1, 32], scale f16"`,

    ```mlir
    #int8 = #qt.format<i8 [1, 32], scale f16>
    param.global @up : tensor<128x64xbf16, #int8>
        = #qt.encode<#param.external<"model", "up">, from = bf16, solver = "rtn">
    func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
      %w = param.load @up : tensor<128x64xbf16, #int8>
      %y = nn.linear %x, %w
          : (tensor<?x64xf32>, tensor<128x64xbf16, #int8>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"\"",
           "Format of weights that no rule matches; empty leaves them alone">,
    ListOption<"rules", "rules", "std::string",
               "Rules PATTERN=FORMAT; the last that matches decides">,
    Option<"solver", "solver", "std::string", /*default=*/"\"rtn\"",
           "How codes are chosen: rtn or mse">,
    Option<"layersOnly", "layers-only", "bool", /*default=*/"false",
           "Leave embedding and output matrix to rules">,
    Option<"fallback", "fallback", "std::string",
           /*default=*/"\"i4 [1, 32], scale f16 from max / -8, round up exact;\""
                       "\"i8 [1, 32], scale f16, round away exact;f16\"",
           "Formats for weights that blocks do not divide, in order, between semicolons">,
  ];
  let dependentDialects = ["::quern::param::ParamDialect", "::quern::qt::QTDialect"];
}

def TranscodeWeightsPass : Pass<"quantize-transcode-weights", "::mlir::ModuleOp"> {
  let summary = "Give weights other formats with the same numbers";
  let description = [{
    Gives the weights of `nn.linear` and `nn.embedding` the format `format`, or
    that of the last rule that matches (as in `quantize-assign-encodings`), if
    the codes that a container holds have codes in it that stand for the same
    numbers. Whether they have is proved from the two formats
    (Numerics/Transcode.h) and not looked up. The type of such a weight gets the
    format; its value stays the `#qk.stored` of the other one, whose codes are
    transcoded when they are read. A remark says what is done to them.

    Weights for which that is not so are listed in one error: what is lost, and
    a bound of the error if there is one. With `re-encode`, those with a bound
    are decoded and coded again by `solver`. Weights that are plain numbers are
    quantized by that; without it, they may only become plain numbers of another
    type that has all of them.

    Example:

    ```mlir
    #four = #qt.format<i4 [1, 32], scale f16>
    param.global @up : tensor<128x64xf32, #four>
        = #qk.stored<[#param.external<"model", "up">], format = #four,
            layout = #qk.layout<tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }>>
    func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
      %w = param.load @up : tensor<128x64xf32, #four>
      %y = nn.linear %x, %w
          : (tensor<?x64xf32>, tensor<128x64xf32, #four>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```

    becomes, with `format='i8 [1, 32], scale f16'`,

    ```mlir
    #four = #qt.format<i4 [1, 32], scale f16>
    #eight = #qt.format<i8 [1, 32], scale f16>
    param.global @up : tensor<128x64xf32, #eight>
        = #qk.stored<[#param.external<"model", "up">], format = #four,
            layout = #qk.layout<tile [1, 32] 18B { scale @0; code @16 col(16:8, 2:4) flip }>>
    func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
      %w = param.load @up : tensor<128x64xf32, #eight>
      %y = nn.linear %x, %w
          : (tensor<?x64xf32>, tensor<128x64xf32, #eight>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"\"",
           "Format of weights that no rule matches">,
    ListOption<"rules", "rules", "std::string",
               "Rules PATTERN=FORMAT; the last that matches decides">,
    Option<"reEncode", "re-encode", "bool", /*default=*/"false",
           "Code weights again whose numbers have no codes, if the error is bounded">,
    Option<"solver", "solver", "std::string", /*default=*/"\"mse\"",
           "How codes are chosen then: rtn or mse">,
  ];
  let dependentDialects = ["::quern::param::ParamDialect", "::quern::qt::QTDialect"];
}

def ExpandColumnTransformsPass
    : Pass<"quantize-expand-column-transforms", "::mlir::ModuleOp"> {
  let summary = "Make the column transforms of weights operations";
  let description = [{
    A format may end in transforms of the columns (docs/Formats.md, F8). This
    pass takes them off the encoding of each weight and puts them where they are
    cheap: a product with the transformed weight is one of transformed
    activations with the rest. The weight keeps the format without transforms,
    and its value becomes the `matrix` of a `#qt.part`; each thing that a
    transform stores becomes a `param.global` of its own, called after the
    weight.

    | transform | before an `nn.linear` | behind an `nn.embedding` |
    |---|---|---|
    | ordered | `nn.gather_columns` | `nn.gather_columns` (inverse) |
    | scaled | `nn.scale_columns` | `nn.scale_columns` |
    | rotated | `nn.hadamard` | `nn.hadamard` |
    | apart | `nn.gather_columns` sets the columns to zero; a second `nn.linear` of the columns themselves is added | likewise, with a second `nn.embedding` |

    Linears that read the same value share a transform of it where it is the
    same one. What is kept apart is added to a residual connection before the
    product is, so that each addition is the residual of one kernel.

    Fails if something else than a linear or an embedding reads such a weight,
    and if the input of the linear is quantized already.

    Example:

    ```mlir
    #rotated = #qt.format<i4 [1, 32], scale f16, columns rotated 64>
    param.global @up : tensor<128x64xbf16, #rotated>
        = #qt.encode<#param.external<"model", "up">, from = bf16, solver = "rtn">
    func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
      %w = param.load @up : tensor<128x64xbf16, #rotated>
      %y = nn.linear %x, %w
          : (tensor<?x64xf32>, tensor<128x64xbf16, #rotated>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```

    becomes

    ```mlir
    #rotated = #qt.format<i4 [1, 32], scale f16, columns rotated 64>
    #int4 = #qt.format<i4 [1, 32], scale f16>
    param.global @up : tensor<128x64xbf16, #int4>
        = #qt.encode<#qt.part<#param.external<"model", "up">, of = tensor<128x64xbf16, #rotated>, part = "matrix">, from = f32, solver = "rtn">
    func.func @forward(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
      %r = nn.hadamard %x group 64 : tensor<?x64xf32>
      %w = param.load @up : tensor<128x64xbf16, #int4>
      %y = nn.linear %r, %w
          : (tensor<?x64xf32>, tensor<128x64xbf16, #int4>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```
  }];
  let dependentDialects = ["::quern::nn::NNDialect", "::quern::param::ParamDialect",
                           "::quern::qt::QTDialect"];
}

def SetComputePass : Pass<"quantize-set-compute", "::mlir::ModuleOp"> {
  let summary = "Choose the precision of every matrix product";
  let description = [{
    Sets the `compute` of every `nn.linear`. A linear whose input is quantized
    keeps the integer product that this implies where its weight allows it.

    Example:

    ```mlir
    func.func @forward(%x: tensor<?x64xf32>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> {
      %y = nn.linear %x, %w
          : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```

    becomes, with `compute=bf16`,

    ```mlir
    func.func @forward(%x: tensor<?x64xf32>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> {
      %y = nn.linear %x, %w compute bf16
          : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```
  }];
  let options = [
    Option<"compute", "compute", "std::string", /*default=*/"\"f32\"",
           "Precision of the operands: f32 or bf16">,
  ];
  let dependentDialects = ["::quern::nn::NNDialect"];
}

def QuantizeActivationsPass
    : Pass<"quantize-quantize-activations", "::mlir::ModuleOp"> {
  let summary = "Code the inputs of matrix products that can be integer ones";
  let description = [{
    Puts a `qt.quantize` before each `nn.linear` whose weight holds integers of
    at most 8 bits, or numbers that are such integers times a power of two (as
    those of f4E2M1FN and of a codebook of small integers are). Linears that
    read the same value share it.

    Without `format` the input is coded in `i8 [1, G], scale f32` with a scale
    for each token and group of G columns: the largest power of two up to 128
    that divides the width if it is whole blocks of the weight, else one block.

    Linears whose encoded weight is not integer keep their input, as do those
    whose width is no multiple of 4; a remark counts them.

    Example:

    ```mlir
    #int4 = #qt.format<i4 [1, 32], scale f16>
    func.func @forward(%x: tensor<?x64xf32>, %w: tensor<128x64xf32, #int4>)
        -> tensor<?x128xf32> {
      %y = nn.linear %x, %w
          : (tensor<?x64xf32>, tensor<128x64xf32, #int4>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```

    becomes

    ```mlir
    #int4 = #qt.format<i4 [1, 32], scale f16>
    #int8 = #qt.format<i8 [1, 32], scale f32>
    func.func @forward(%x: tensor<?x64xf32>, %w: tensor<128x64xf32, #int4>)
        -> tensor<?x128xf32> {
      %xq = qt.quantize %x : tensor<?x64xf32> to tensor<?x64xf32, #int8>
      %y = nn.linear %xq, %w
          : (tensor<?x64xf32, #int8>, tensor<128x64xf32, #int4>)
         -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"\"",
           "Format of the inputs; empty derives one from each weight">,
  ];
  let dependentDialects = ["::quern::qt::QTDialect"];
}

def AssignCacheEncodingPass : Pass<"quantize-assign-cache-encoding", "::mlir::ModuleOp"> {
  let summary = "Choose the numbers that the KV cache holds";
  let description = [{
    Gives every `!nn.kv_cache` the element type `format` if that is f16 or f32,
    and else the encoding `format`, a name or a text. Keys and values are coded
    as they are appended, each head of each token on its own, so that the blocks
    of the format have one row and divide the head dimension.

    Example:

    ```mlir
    func.func @forward(%x: tensor<?x64xf32>, %p: index,
        %cache: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>) {
      nn.kv_append %x, %x into %cache[0] at %p : tensor<?x64xf32>,
          !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>
      return
    }
    ```

    becomes, with `format='i8 [1, 32], scale f32'`,

    ```mlir
    #rows = #qt.format<i8 [1, 32], scale f32>
    func.func @forward(%x: tensor<?x64xf32>, %p: index,
        %cache: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f32,
                             encoding = #rows>) {
      nn.kv_append %x, %x into %cache[0] at %p : tensor<?x64xf32>,
          !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f32,
                       encoding = #rows>
      return
    }
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"f16\"",
           "Format of the cache: a name or a text">,
  ];
  let dependentDialects = ["::quern::nn::NNDialect", "::quern::qt::QTDialect"];
}

def RotateKVCachePass : Pass<"quantize-rotate-kv-cache", "::mlir::ModuleOp"> {
  let summary = "Rotate keys and values before they are coded";
  let description = [{
    Puts an `nn.hadamard` over the head dimension before the query of each
    `nn.attention` and the key and value of each `nn.kv_append`, and one behind
    each `nn.attention`. Scores are dot products, which a rotation of both sides
    keeps; the sum of rotated values is rotated back, for the transform is its
    own inverse. What the cache holds no longer has outlying columns, which
    would cost the others of their block their precision.

    The head dimension must be a power of two.

    Example:

    ```mlir
    func.func @forward(%q: tensor<?x64xf32>, %p: index,
        %cache: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>)
        -> tensor<?x64xf32> {
      %a = nn.attention %q, %cache[0] at %p scale 1.0
          : (tensor<?x64xf32>,
             !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>)
         -> tensor<?x64xf32>
      return %a : tensor<?x64xf32>
    }
    ```

    becomes

    ```mlir
    func.func @forward(%q: tensor<?x64xf32>, %p: index,
        %cache: !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>)
        -> tensor<?x64xf32> {
      %r = nn.hadamard %q group 32 : tensor<?x64xf32>
      %a = nn.attention %r, %cache[0] at %p scale 1.0
          : (tensor<?x64xf32>,
             !nn.kv_cache<layers = 1, heads = 2, head_dim = 32, element = f16>)
         -> tensor<?x64xf32>
      %b = nn.hadamard %a group 32 : tensor<?x64xf32>
      return %b : tensor<?x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::quern::nn::NNDialect"];
}

#endif // QUERN_QUANTIZE_PASSES_TD
