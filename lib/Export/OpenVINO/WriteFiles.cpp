// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The files of a model in OpenVINO's IR.

#include "../PlacedFile.h"
#include "quern/Artifact/Writer.h"
#include "quern/Export/OpenVino.h"

using namespace quern;
using namespace quern::exporter;

Result<std::unique_ptr<ContainerWriter>>
exporter::createOpenVino(const std::string &folder, const OpenVinoPlan &plan) {
  if (Status status = artifact::writeFileAtomically(
          folder + "/openvino_model.xml", plan.model);
      !status)
    return status;
  std::vector<TensorPlace> places;
  uint64_t bytes = 0;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    places.push_back(
        {plan.tensors[i].name, plan.offsets[i], plan.tensors[i].bytes});
    bytes = plan.offsets[i] + plan.tensors[i].bytes;
  }
  return createPlacedFile(folder + "/openvino_model.bin", plan.constants,
                          std::move(places), bytes);
}
