// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Whether a container holds the weights of an architecture, and where.

#ifndef QUERN_LIB_IMPORT_BINDWEIGHTS_H
#define QUERN_LIB_IMPORT_BINDWEIGHTS_H

#include "Architecture.h"
#include "Container.h"

namespace quern::import {

/// Fails if a weight of the architecture is missing from `container`, or if
/// that holds a tensor that the architecture does not have.
Result<BoundWeights> bindWeights(const Architecture &architecture,
                                 const Container &container);

} // namespace quern::import

#endif // QUERN_LIB_IMPORT_BINDWEIGHTS_H
