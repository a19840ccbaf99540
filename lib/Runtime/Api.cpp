// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The one symbol that an artifact exports.

#include "Model.h"

using namespace quern;

namespace {

const quern_api table = {
    sizeof(quern_api),
    QUERN_ABI_MAJOR,
    /*flags=*/0,
    runtime::load,
    runtime::unload,
    runtime::describe,
    runtime::sessionCreate,
    runtime::sessionDestroy,
    runtime::prefill,
    runtime::decode,
    runtime::sessionPosition,
    runtime::sessionReset,
    runtime::sessionTruncate,
    runtime::sessionFork,
    runtime::setThreads,
    runtime::cancel,
    runtime::modelError,
    runtime::sessionError,
    runtime::verify,
    runtime::kernels,
    runtime::setProfiling,
    runtime::readProfile,
};

} // namespace

extern "C" __attribute__((visibility("default"))) const quern_api *
quern_get_api(uint32_t abi_major) {
  return abi_major == QUERN_ABI_MAJOR ? &table : nullptr;
}
