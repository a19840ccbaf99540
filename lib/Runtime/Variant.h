// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Which of a model's instruction sets this processor runs.

#ifndef QUERN_LIB_RUNTIME_VARIANT_H
#define QUERN_LIB_RUNTIME_VARIANT_H

#include "Message.h"
#include "quern/Runtime/StepABI.h"

namespace quern::runtime {

/// The bits of quern_feature that this processor has and the operating system
/// lets it use.
uint64_t detectFeatures();

/// Sets `chosen` to the variant named `isa`, or, if `isa` is null, to the first
/// whose required features are all in `features`. QUERN_ERR_INVALID_ARGUMENT if
/// no variant has that name, QUERN_ERR_CPU_FEATURES if features are missing:
/// the message names them.
quern_status chooseVariant(const quern_model_table &table, const char *isa,
                           uint64_t features, const quern_variant *&chosen,
                           Message &message);

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_VARIANT_H
