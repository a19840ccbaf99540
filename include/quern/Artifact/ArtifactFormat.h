// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What an artifact folder holds. docs/ArtifactFormat.md tells it at
// length.
//
// An artifact is a folder:
//
//   model.so             generated code for each instruction set, and the
//                        runtime; exports quern_get_api (Runtime/quern_rt.h)
//   weights.safetensors  the packed weights
//   manifest.json        what it is and how it was made (Manifest.h)
//   tokenizer.json, tokenizer_config.json   copied from the model, if it has
//   them
//
// model.so holds the size and the header hash of the weights file that it was
// made with, and the offset and hash of each tensor: the two belong together
// and neither works with another build's half. The manifest is for people and
// tools; the runtime does not read it.
//
// weights.safetensors is a valid safetensors file with more rules:
//   - The header is padded with spaces so that the data section begins at a
//     multiple of kDataAlignment.
//   - Each tensor begins at a multiple of kTensorAlignment in the data section,
//     one of more than kLargeTensorBytes at a multiple of
//     kLargeTensorAlignment. safetensors allows no holes: gaps are U8 tensors
//     of zeros named
//     `__pad.0`, `__pad.1`, ...
//   - Weights are U8 tensors of shape [bytes]: what the bytes mean is the
//     descriptor's, a JSON object in the text of `__metadata__`.descriptors.
//   - `__metadata__`.format is "quern", `__metadata__`.format_version the
//     decimal number kFormatVersion, and `__metadata__`.contents 16 hexadecimal
//     digits: the XXH3 of the XXH3 (8 bytes, little endian) of all weights in
//     order, so that files of equal shapes have different headers.
//
// Versions: a change that an older reader would misread raises kFormatVersion;
// readers refuse a version above their own. New keys in the manifest and in
// descriptors do not: readers ignore what they do not know.

#ifndef QUERN_ARTIFACT_ARTIFACTFORMAT_H
#define QUERN_ARTIFACT_ARTIFACTFORMAT_H

#include <cstdint>

namespace quern::artifact {

constexpr int64_t kFormatVersion = 1;

constexpr const char *kModelFile = "model.so";
constexpr const char *kWeightsFile = "weights.safetensors";
constexpr const char *kManifestFile = "manifest.json";
constexpr const char *kTokenizerFile = "tokenizer.json";
constexpr const char *kTokenizerConfigFile = "tokenizer_config.json";

constexpr uint64_t kDataAlignment = 4096;
constexpr uint64_t kTensorAlignment = 64;
constexpr uint64_t kLargeTensorBytes = uint64_t(1) << 20;
constexpr uint64_t kLargeTensorAlignment = 4096;

/// The prefix of the names of padding tensors, which no weight may have.
constexpr const char *kPadPrefix = "__pad.";

/// The most that safetensors readers accept for the header's JSON.
constexpr uint64_t kMaxHeaderBytes = 100000000;

} // namespace quern::artifact

#endif // QUERN_ARTIFACT_ARTIFACTFORMAT_H
