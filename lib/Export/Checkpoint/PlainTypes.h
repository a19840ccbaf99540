// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Types of safetensors files for numbers that are not quantized.

#ifndef QUERN_LIB_EXPORT_CHECKPOINT_PLAINTYPES_H
#define QUERN_LIB_EXPORT_CHECKPOINT_PLAINTYPES_H

#include "quern/Numerics/Format.h"
#include "quern/Weights/WeightSource.h"

#include <optional>

namespace quern::exporter {

/// The type of the numbers of `format`; none if it has scales or no such type.
std::optional<weights::DType> plainType(const numerics::Format &format);

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_CHECKPOINT_PLAINTYPES_H
