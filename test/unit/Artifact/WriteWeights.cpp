// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Writes a weights file from a list of names and sizes.
//
//   QuernWriteWeights PATH NAME=BYTES...
//
// Byte i of tensor t is i + 7 t modulo 251; its descriptor is {"index":t}.
// Prints "data_offset file_bytes header_hash", then "offset hash" of each
// tensor.

#include "quern/Artifact/Writer.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

using namespace quern;
using namespace quern::artifact;

static int fail(const Status &status) {
  fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

int main(int count, char **arguments) {
  std::vector<TensorSpec> tensors;
  for (int i = 2; i < count; ++i) {
    std::string argument = arguments[i];
    size_t equals = argument.rfind('=');
    tensors.push_back({argument.substr(0, equals),
                       strtoull(argument.c_str() + equals + 1, nullptr, 10),
                       "{\"index\":" + std::to_string(i - 2) + "}"});
  }
  if (count < 2)
    return 2;
  Result<WeightsFileWriter> writer =
      WeightsFileWriter::create(arguments[1], tensors);
  if (!writer)
    return fail(writer.status());
  // Backwards: the order does not matter.
  for (size_t t = tensors.size(); t-- > 0;) {
    std::vector<uint8_t> bytes(tensors[t].bytes);
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = uint8_t((i + 7 * t) % 251);
    if (Status status = writer->write(t, bytes); !status)
      return fail(status);
  }
  Result<WeightsFileRecord> record = writer->finish();
  if (!record)
    return fail(record.status());
  printf("%" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", record->dataOffset,
         record->fileBytes, record->headerHash);
  for (const TensorRecord &tensor : record->tensors)
    printf("%" PRIu64 " %016" PRIx64 "\n", tensor.offset, tensor.hash);
  return 0;
}
