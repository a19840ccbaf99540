// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Files of weights.

#include "Targets.h"

#include "quern/Weights/Registry.h"
#include "quern/Weights/TensorView.h"

#include <vector>

using namespace quern;
using weights::TensorInfo;
using weights::WeightSource;

/// Reads what there is to read of a tensor: its bytes are there, and may be
/// anything.
static void readTensor(const WeightSource &source, const TensorInfo &tensor) {
  unsigned sum = 0;
  for (uint8_t byte : tensor.bytes)
    sum += byte;
  volatile unsigned kept = sum;
  (void)kept;
  (void)weights::checkFinite(source, tensor.name);
  int64_t rows = tensor.rows(), cols = tensor.columns();
  // Tensors without elements may have any extents.
  if (tensor.bytes.size() == 0)
    return;
  std::vector<float> row(static_cast<size_t>(cols));
  (void)weights::readRowsAsFloat(source, tensor.name, rows - 1, rows, row);
  // Weights of a model are vectors or matrices.
  if (tensor.shape.empty() || tensor.shape.size() > 2)
    return;
  weights::TensorView view;
  view.name = tensor.name;
  if (weights::checkView(source, view, tensor.shape))
    (void)weights::readViewAsFloat(source, view, 0, 1, row);
}

bool fuzz::readSafetensors(Input input) {
  static Folder folder;
  auto source = weights::openWeights(folder.write("m.safetensors", input));
  if (!source)
    return false;
  for (const TensorInfo &tensor : (*source)->tensors())
    readTensor(**source, tensor);
  return true;
}
