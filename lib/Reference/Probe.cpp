// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Watches the intermediate values of an interpreted function.

#include "quern/Reference/Probe.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace quern;
using namespace quern::reference;

static Status writeFile(const std::string &path,
                        llvm::function_ref<void(llvm::raw_ostream &)> write) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (!error) {
    write(file);
    file.close();
    error = file.error();
    file.clear_error();
  }
  if (error)
    return Status::error(StatusCode::Io, path + ": " + error.message());
  return Status::ok();
}

/// Magic, version, length of the rest, and a Python dictionary that is padded
/// so that the data begins at a multiple of 64 bytes.
static std::string npyHeader(const Tensor &tensor) {
  const char *type = tensor.isReal() ? "<f4" : tensor.isInt() ? "<i4" : "<i8";
  std::string shape;
  for (int64_t extent : tensor.shape())
    shape += std::to_string(extent) + ",";
  std::string text = llvm::formatv(
      "{{'descr': '{0}', 'fortran_order': False, 'shape': ({1}), }", type,
      shape);
  const size_t prefix = 10;
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += char(text.size() & 0xff);
  header += char(text.size() >> 8);
  return header + text;
}

Status reference::writeNpy(const std::string &path, const Tensor &tensor) {
  return writeFile(path, [&](llvm::raw_ostream &out) {
    out << npyHeader(tensor);
    int64_t index = tensor.index();
    if (tensor.isReal())
      out.write(reinterpret_cast<const char *>(tensor.values().data()),
                tensor.values().size() * sizeof(float));
    else if (tensor.isInt())
      out.write(reinterpret_cast<const char *>(tensor.integers().data()),
                tensor.integers().size() * sizeof(int32_t));
    else
      out.write(reinterpret_cast<const char *>(&index), sizeof index);
  });
}

Result<NpyProbe> NpyProbe::create(const std::string &folder) {
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return Status::error(StatusCode::Io, folder + ": " + error.message());
  NpyProbe probe;
  probe.folder = folder;
  probe.index = "file,operation,result,shape,location\n";
  return probe;
}

void NpyProbe::operator()(mlir::Value value, const Tensor &tensor) {
  auto result = llvm::dyn_cast<mlir::OpResult>(value);
  if (!result)
    return;
  llvm::StringRef operation = result.getOwner()->getName().getStringRef();
  std::string file = llvm::formatv("{0,0+4}-{1}.npy", ++count, operation);
  std::string location;
  llvm::raw_string_ostream(location) << value.getLoc();
  llvm::replace(location, '"', '\'');
  index +=
      llvm::formatv("{0},{1},{2},\"{3}\",\"{4}\"\n", file, operation,
                    result.getResultNumber(), tensor.shapeText(), location);
  Status status = writeNpy(folder + "/" + file, tensor);
  if (firstError)
    firstError = status;
}

Status NpyProbe::finish() {
  Status status = writeFile(folder + "/index.csv",
                            [&](llvm::raw_ostream &out) { out << index; });
  return firstError ? status : firstError;
}
