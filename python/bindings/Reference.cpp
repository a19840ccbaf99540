// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The reference interpreter as a Python class.

#include "CompilerModule.h"

#include "quern/Pipelines/Reference.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace quern;
using namespace quern::python;
using quern::pipelines::CompileOptions;
using quern::pipelines::ReferenceRun;

/// An array of NumPy that owns `values`.
static nb::ndarray<nb::numpy, float>
toArray(std::vector<float> values, const std::vector<int64_t> &shape) {
  auto *owned = new std::vector<float>(std::move(values));
  nb::capsule owner(owned, [](void *p) noexcept {
    delete static_cast<std::vector<float> *>(p);
  });
  std::vector<size_t> extents(shape.begin(), shape.end());
  return {owned->data(), extents.size(), extents.data(), owner};
}

static ReferenceRun
create(std::string modelPath, std::string format,
       std::vector<std::pair<std::string, std::string>> rules,
       std::string compute, std::string formatsFile, std::string kvCache,
       bool kvRotate, std::string solver, int64_t context) {
  CompileOptions options;
  options.modelPath = std::move(modelPath);
  options.format = std::move(format);
  options.rules = std::move(rules);
  options.compute = std::move(compute);
  options.formatsFile = std::move(formatsFile);
  options.kvCache = std::move(kvCache);
  options.kvRotate = kvRotate;
  options.solver = std::move(solver);
  options.context = context;
  Result<ReferenceRun> run = [&] {
    nb::gil_scoped_release unlocked;
    return ReferenceRun::create(options);
  }();
  return unwrap(std::move(run));
}

static nb::ndarray<nb::numpy, float>
extend(ReferenceRun &run, const std::vector<int32_t> &tokens, int64_t rows) {
  Result<std::vector<float>> logits = [&] {
    nb::gil_scoped_release unlocked;
    return run.extend(tokens, rows);
  }();
  return toArray(unwrap(std::move(logits)), {rows, run.vocabulary()});
}

static void truncateRun(ReferenceRun &run, int64_t length) {
  if (Status status = run.truncate(length); !status)
    throw CompileError(status.message());
}

static nb::ndarray<nb::numpy, float> weight(ReferenceRun &run,
                                            const std::string &name) {
  ReferenceRun::Weight found = unwrap(run.weight(name));
  return toArray(std::move(found.values), found.shape);
}

void python::bindReference(nb::module_ &module) {
  nb::class_<ReferenceRun>(module, "ReferenceRun",
                           "A model that the reference interpreter runs.")
      .def_static("create", &create, nb::kw_only(), nb::arg("model_path"),
                  nb::arg("format"), nb::arg("rules"), nb::arg("compute"),
                  nb::arg("formats_file"), nb::arg("kv_cache"),
                  nb::arg("kv_rotate"), nb::arg("solver"), nb::arg("context"))
      .def_prop_ro("vocabulary", &ReferenceRun::vocabulary)
      .def_prop_ro("length", &ReferenceRun::length)
      .def("extend", &extend, nb::arg("tokens"), nb::arg("rows"))
      .def("truncate", &truncateRun, nb::arg("length"))
      .def("weight", &weight, nb::arg("name"));
}
