// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What llama.cpp calls a model and how it scales frequencies.

#ifndef QUERN_LIB_EXPORT_GGUF_GGUFMODEL_H
#define QUERN_LIB_EXPORT_GGUF_GGUFMODEL_H

#include "quern/Export/ModelFacts.h"

#include <optional>

namespace quern::exporter {

/// `general.architecture` of a model. Fails with the names of those that GGUF
/// files can be written of.
Result<std::string> ggufArchitecture(const ModelFacts &facts);

/// What all frequencies are divided by, if it is one number for all.
std::optional<float> linearFactor(const ModelFacts &facts);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_GGUF_GGUFMODEL_H
