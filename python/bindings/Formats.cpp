// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Texts of formats as Python functions.

#include "CompilerModule.h"

#include "quern/Numerics/FormatDiagnostics.h"
#include "quern/Numerics/Transcode.h"

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

/// A dictionary for each pair of a format of `from` and one of `to`.
static nb::list classify(const std::vector<std::string> &from,
                         const std::vector<std::string> &to,
                         const std::string &file) {
  FormatRegistry registry = registryWith(file);
  std::vector<Format> sources, targets;
  for (const std::string &text : from)
    sources.push_back(unwrap(resolveOption(registry, text)));
  for (const std::string &text : to)
    targets.push_back(unwrap(resolveOption(registry, text)));
  nb::list result;
  for (size_t i = 0; i < sources.size(); ++i)
    for (size_t j = 0; j < targets.size(); ++j) {
      if (PyErr_CheckSignals() != 0)
        nb::raise_python_error();
      numerics::Transcoding found =
          numerics::classifyTranscoding(sources[i], targets[j]);
      nb::dict entry;
      entry["source"] = from[i];
      entry["target"] = to[j];
      entry["kind"] = numerics::transcodingKindName(found.kind);
      entry["is_layout_only"] = found.isLayoutOnly;
      entry["details"] = found.details;
      entry["relative_error"] = found.bound.relative;
      entry["absolute_error"] = found.bound.absolute;
      entry["largest"] = found.largest;
      entry["text"] = found.text();
      result.append(entry);
    }
  return result;
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
  module.def(
      "classify_transcodings", &classify, nb::arg("sources"),
      nb::arg("targets"), nb::arg("formats_file"),
      "What becomes of codes of each of some formats in each of others.");
}
