// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes models as ONNX files: the graph, and weights in their codes.

#ifndef QUERN_EXPORT_ONNX_H
#define QUERN_EXPORT_ONNX_H

#include "quern/Export/Container.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quern::exporter {

/// How the graph says what the codes of a matrix stand for.
enum class OnnxWeights {
  Auto,        ///< MatMulNBits where a product's format fits it, else Qdq
  Qdq,         ///< DequantizeLinear before the product: standard ONNX
  MatMulNBits, ///< ONNX Runtime's product of codes; error where it does not fit
};

/// "auto", "qdq" or "matmulnbits".
std::optional<OnnxWeights> onnxWeightsOf(const std::string &name);
std::string onnxWeightsNames();

/// A model that is going to be written.
struct OnnxPlan {
  std::vector<ContainerTensor> tensors;
  /// A serialized ModelProto whose initializers of the names of `tensors` have
  /// no data yet.
  std::string model;
};

/// The graph of `module`'s function `forward`, computed in f32, in the
/// convention of decoders with a cache. With B = batch_size, S =
/// sequence_length, P = past_sequence_length, T = P + S:
///
///   input_ids i64 [B, S]; attention_mask i64 [B, T], 0 where a token is
///   padding; position_ids i64 [B, S]; for each layer past_key_values.N.key and
///   .value f32 [B, kv_heads, P, head_dim]
///   -> logits f32 [B, S, vocabulary]; present.N.key and .value, with T for P
///
/// Weights get their layouts in the file; vectors become f32. Errors name the
/// weight, its format and what can be done: a format that ONNX does not hold;
/// or the operation that there is nothing for.
Result<OnnxPlan> planOnnx(mlir::ModuleOp module, OnnxWeights weights);

/// Models whose tensors take more than this many bytes have them in a file
/// beside the model. A smaller one is one file; it is held in memory until it
/// is whole.
constexpr uint64_t kOnnxBytesInside = uint64_t(64) << 20;

/// Takes the tensors of `plan` and writes `path`, whose name ends in `.onnx`;
/// of a large model also NAME.HASH.onnx.data in the same folder, named after
/// its content, so that a model and its data always belong together. The data
/// has its name before the model; data of an earlier model of the name `path`
/// is removed last. Errors: Io.
Result<std::unique_ptr<ContainerWriter>>
createOnnx(const std::string &path, const OnnxPlan &plan,
           uint64_t bytesInside = kOnnxBytesInside);

} // namespace quern::exporter

#endif // QUERN_EXPORT_ONNX_H
