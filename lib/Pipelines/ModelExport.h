// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The state of one export and its steps.

#ifndef QUERN_LIB_PIPELINES_MODELEXPORT_H
#define QUERN_LIB_PIPELINES_MODELEXPORT_H

#include "Compilation.h"
#include "quern/Export/Container.h"
#include "quern/Pipelines/Export.h"

namespace quern::pipelines {

/// How the model is imported and quantized.
CompileOptions frontOptionsOf(const ExportOptions &options);

/// One run of exportModel.
class ModelExport {
public:
  explicit ModelExport(const ExportOptions &options);

  Result<std::string> run();

private:
  Status open();
  Status openGguf();
  Status openOnnx();
  Status openOpenVino();
  Status openCheckpoint();
  /// The folder that the container is, with the files that describe the model.
  Status createFolder(const std::string &quantization);
  Status writeModelFiles(const std::string &quantization);
  Status writeContents();
  Status writeWeights();
  Status writeSegments(const pack::PackedTensor &weight,
                       Span<const uint8_t> bytes);
  Status finish();
  std::string report() const;

  const ExportOptions &options;
  const CompileOptions frontOptions;
  Compilation front;
  std::string output; ///< what readers open
  std::vector<exporter::ContainerTensor> tensors;
  /// Of a container that is a folder.
  std::optional<artifact::ArtifactFolder> folder;
  /// Before `folder`, in which it has its temporary file, goes.
  std::unique_ptr<exporter::ContainerWriter> writer;
};

} // namespace quern::pipelines

#endif // QUERN_LIB_PIPELINES_MODELEXPORT_H
