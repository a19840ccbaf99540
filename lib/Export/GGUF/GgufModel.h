// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What llama.cpp calls a model and how it scales frequencies.

#ifndef QUERN_LIB_EXPORT_GGUF_GGUFMODEL_H
#define QUERN_LIB_EXPORT_GGUF_GGUFMODEL_H

#include "quern/Export/ModelFacts.h"
#include "quern/Weights/GgufNames.h"

#include <optional>

namespace quern::exporter {

/// How GGUF files hold a model. Fails with the names of those that can be
/// written, and for what llama.cpp computes in another way.
Result<const weights::GgufArchitecture *>
ggufArchitecture(const ModelFacts &facts);

/// What all frequencies are divided by, if it is one number for all.
std::optional<float> linearFactor(const ModelFacts &facts);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_GGUF_GGUFMODEL_H
