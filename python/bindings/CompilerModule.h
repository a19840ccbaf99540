// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file What the files of quern._compiler share.

#ifndef QUERN_PYTHON_BINDINGS_COMPILERMODULE_H
#define QUERN_PYTHON_BINDINGS_COMPILERMODULE_H

#include "quern/Base/Status.h"
#include <nanobind/nanobind.h>
#include <stdexcept>

namespace quern::python {

/// Carries the message of a Status into Python.
struct CompileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename T> T unwrap(Result<T> result) {
  if (!result)
    throw CompileError(result.status().message());
  return std::move(*result);
}

/// Adds the functions about texts of formats.
void bindFormats(nanobind::module_ &module);

/// Adds the class ReferenceRun.
void bindReference(nanobind::module_ &module);

} // namespace quern::python

#endif // QUERN_PYTHON_BINDINGS_COMPILERMODULE_H
