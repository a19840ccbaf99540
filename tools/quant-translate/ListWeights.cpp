// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file --list-weights

#include "Translate.h"

#include "quern/Support/Text.h"
#include "quern/Weights/Registry.h"

using namespace quern;

Status translate::listWeights(const std::string &input,
                              llvm::raw_ostream &out) {
  Result<std::unique_ptr<weights::WeightSource>> source =
      weights::openWeights(input);
  if (!source)
    return source.status();
  for (const weights::TensorInfo &tensor : (*source)->tensors())
    out << inQuotes(tensor.name) << " " << tensor.typeText() << " "
        << shapeText(tensor.shape) << " " << tensor.bytes.size() << " bytes\n";
  return Status::ok();
}
