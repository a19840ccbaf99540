// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether a checkpoint holds the tensors of its architecture.

#ifndef QUERN_LIB_IMPORT_CHECKTENSORS_H
#define QUERN_LIB_IMPORT_CHECKTENSORS_H

#include "Architecture.h"
#include "quern/Weights/WeightSource.h"

namespace quern::import {

/// Fails if a tensor of the architecture is missing from `source`, has another
/// shape or an element type other than F32, F16 and BF16, or if `source` holds
/// a tensor that the architecture does not have.
Status checkTensors(const Architecture &architecture,
                    const weights::WeightSource &source);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_CHECKTENSORS_H
