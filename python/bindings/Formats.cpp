// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Texts of formats as Python functions.

#include "CompilerModule.h"

#include "quern/Numerics/FormatDiagnostics.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace quern;
using namespace quern::python;
using quern::numerics::Format;
using quern::numerics::FormatRegistry;

/// The formats that Quern ships and those of `file`, unless that is "".
static FormatRegistry registryWith(const std::string &file) {
  FormatRegistry registry = FormatRegistry::builtin();
  if (file.empty())
    return registry;
  if (Status status = registry.addFile(file); !status)
    throw CompileError(status.message());
  return registry;
}

static std::vector<std::pair<std::string, std::string>>
readFormats(const std::string &file) {
  const FormatRegistry &shipped = FormatRegistry::builtin();
  FormatRegistry registry = registryWith(file);
  std::vector<std::pair<std::string, std::string>> result;
  for (const std::string &name : registry.names())
    if (file.empty() || !shipped.lookup(name))
      result.push_back({name, printFormat(*registry.lookup(name))});
  return result;
}

static std::string canonicalFormat(const std::string &text,
                                   const std::string &file) {
  return printFormat(unwrap(resolveOption(registryWith(file), text)));
}

static double bitsPerWeight(const std::string &text, int64_t rows,
                            int64_t cols) {
  Format format = unwrap(resolveOption(FormatRegistry::builtin(), text));
  if (Status status = checkShape(format, rows, cols); !status)
    throw CompileError(status.message());
  return bitsPerElement(format, rows, cols);
}

void python::bindFormats(nb::module_ &module) {
  module.def("read_formats", &readFormats, nb::arg("formats_file"),
             "(name, canonical text) of every format of a file; of \"\", of "
             "those that Quern ships.");
  module.def(
      "canonical_format", &canonicalFormat, nb::arg("text"),
      nb::arg("formats_file"),
      "The canonical text of a format that a name or a text stands for.");
  module.def("bits_per_weight", &bitsPerWeight, nb::arg("text"),
             nb::arg("rows"), nb::arg("cols"),
             "Storage of a weight of a matrix of that shape.");
}
