// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The part of an export that only folders of OpenVINO have.

#include "ModelExport.h"

#include "quern/Export/OpenVino.h"

using namespace quern;
using namespace quern::pipelines;

Status ModelExport::openOpenVino() {
  Result<exporter::OpenVinoPlan> plan =
      exporter::planOpenVino(front.getModule());
  if (!plan)
    return plan.status();
  if (Status status = createFolder(/*quantization=*/""); !status)
    return status;
  auto files = exporter::createOpenVino(folder->path(), *plan);
  if (!files)
    return files.status();
  writer = std::move(*files);
  tensors = std::move(plan->tensors);
  return Status::ok();
}
