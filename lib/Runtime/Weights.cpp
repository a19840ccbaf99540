// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The mapped weights file of a model, checked against the build.

#include "Weights.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace quern::runtime;

namespace {

quern_status checkFile(int descriptor, const char *path,
                       const quern_model_table &table, Message &message) {
  struct stat info;
  if (fstat(descriptor, &info) != 0)
    return message.fail(QUERN_ERR_FILE, "%s: cannot be examined: %s", path,
                        strerror(errno));
  if (!S_ISREG(info.st_mode))
    return message.fail(QUERN_ERR_FILE,
                        "%s: expects a regular file, but got a %s", path,
                        S_ISDIR(info.st_mode) ? "folder" : "special file");
  if (uint64_t(info.st_size) != table.weights_file_bytes)
    return message.fail(QUERN_ERR_FILE,
                        "%s: expects the %" PRIu64 " bytes that this model was "
                        "compiled with, but got %" PRIu64,
                        path, table.weights_file_bytes, uint64_t(info.st_size));
  return QUERN_OK;
}

quern_status mapFile(int descriptor, const char *path, uint64_t bytes,
                     Weights &weights, Message &message) {
  void *file = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (file == MAP_FAILED)
    return message.fail(errno == ENOMEM ? QUERN_ERR_OUT_OF_MEMORY
                                        : QUERN_ERR_FILE,
                        "%s: cannot be mapped: %s", path, strerror(errno));
  weights.file = static_cast<const uint8_t *>(file);
  weights.bytes = bytes;
  // Hints: file systems that know neither refuse, and all is well.
  (void)madvise(file, bytes, MADV_HUGEPAGE);
  (void)madvise(file, bytes, MADV_WILLNEED);
  return QUERN_OK;
}

} // namespace

quern_status Weights::open(const char *path, const quern_model_table &table,
                           Message &message) {
  // Not blocking: opening a pipe would else wait for its writer.
  int descriptor = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return message.fail(QUERN_ERR_FILE, "%s: cannot be opened: %s", path,
                        strerror(errno));
  quern_status status = checkFile(descriptor, path, table, message);
  if (status == QUERN_OK)
    status =
        mapFile(descriptor, path, table.weights_file_bytes, *this, message);
  ::close(descriptor);
  if (status != QUERN_OK)
    return status;
  if (XXH3_64bits(file, table.data_offset) == table.weights_header_hash)
    return QUERN_OK;
  close();
  return message.fail(QUERN_ERR_FILE,
                      "%s: its header is not the one that this model was "
                      "compiled with: the file is damaged or of another build",
                      path);
}

quern_status Weights::verify(const quern_model_table &table,
                             Message &message) const {
  for (uint64_t i = 0; i < table.tensor_count; ++i) {
    const quern_tensor_record &tensor = table.tensors[i];
    uint64_t hash =
        XXH3_64bits(file + table.data_offset + tensor.offset, tensor.bytes);
    if (hash != tensor.hash)
      return message.fail(
          QUERN_ERR_FILE,
          "tensor '%s': its bytes are damaged: expects the hash "
          "%016" PRIx64 ", but got %016" PRIx64,
          tensor.name, tensor.hash, hash);
  }
  return QUERN_OK;
}

void Weights::close() {
  if (file)
    munmap(const_cast<uint8_t *>(file), bytes);
  *this = Weights();
}
