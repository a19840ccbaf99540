/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file A model written by hand: its weights, its forward, its table.
 */
#include "FakeModel.h"

#include "quern/Runtime/StepABI.h"

#include <string.h>

static const char kHeader[] =
    "{\"table\":{\"dtype\":\"U8\",\"shape\":[32],\"data_offsets\":[0,32]},"
    "\"__pad.0\":{\"dtype\":\"U8\",\"shape\":[4064],"
    "\"data_offsets\":[32,4096]},"
    "\"big\":{\"dtype\":\"U8\",\"shape\":[8192],"
    "\"data_offsets\":[4096,12288]}}";

uint8_t fakeWeightsByte(int64_t i) {
  if (i < 8) /* the header's length, little endian */
    return (uint8_t)((uint64_t)(kFakeDataOffset - 8) >> (8 * i));
  if (i < kFakeDataOffset)
    return i - 8 < (int64_t)strlen(kHeader) ? (uint8_t)kHeader[i - 8] : ' ';
  i -= kFakeDataOffset;
  if (i < kFakeTableBytes)
    return (uint8_t)(5 * i + 3);
  if (i < kFakeBigOffset)
    return 0;
  return (uint8_t)((i * i) >> 5);
}

int writeFakeWeights(const char *path) {
  FILE *file = fopen(path, "wb");
  if (!file)
    return 1;
  for (int64_t i = 0; i < kFakeFileBytes; ++i)
    fputc(fakeWeightsByte(i), file);
  return fclose(file);
}

static float valueOf(const uint8_t *weights, int32_t token) {
  if (token == kFakeEndlessToken)
    return 0;
  return (float)(weights[token] + weights[kFakeBigOffset + 251 * token]);
}

static float logitOf(const float *values, int64_t position, int64_t v) {
  float sum = 0;
  for (int64_t q = 0; q <= position; ++q)
    sum += values[q] * (float)(1 + (7 * q + v) % 13);
  return sum;
}

void computeFakeLogits(const int32_t *tokens, int64_t count, float *logits) {
  uint8_t weights[kFakeFileBytes - kFakeDataOffset];
  float values[kFakeContext];
  for (int64_t i = 0; i < kFakeFileBytes - kFakeDataOffset; ++i)
    weights[i] = fakeWeightsByte(kFakeDataOffset + i);
  for (int64_t q = 0; q < count; ++q)
    values[q] = valueOf(weights, tokens[q]);
  for (int64_t v = 0; v < kFakeVocabulary; ++v)
    logits[v] = logitOf(values, count - 1, v);
}

static void mark(const quern_step *step, int64_t worker, int64_t kernel) {
  if (step->mark)
    step->mark(step->pool, worker, kernel);
}

/* Three parallel regions: values into the cache, logits into the arena by way
 * of the worker's scratch, a copy out of it. Items are dealt so that a worker
 * always reads what another one wrote. */
static void forward(quern_step *step, int64_t worker) {
  float *values = (float *)step->cache;
  float *arena = (float *)step->arena;
  float *scratch = (float *)(step->scratch + worker * step->scratch_stride);
  int64_t workers = step->workers;

  for (int64_t i = worker; i < step->count; i += workers) {
    int32_t token = step->tokens[i];
    values[step->position + i] = valueOf(step->weights, token);
  }
  mark(step, worker, 0);
  int64_t cancelled = step->barrier(step->pool, worker);
  while (!cancelled && step->tokens[step->count - 1] == kFakeEndlessToken)
    cancelled = step->barrier(step->pool, worker);
  if (cancelled)
    return;

  int64_t items = step->logit_rows * kFakeVocabulary;
  int64_t firstRow = step->position + step->count - step->logit_rows;
  for (int64_t i = workers - 1 - worker; i < items; i += workers) {
    int64_t position = firstRow + i / kFakeVocabulary;
    for (int64_t q = 0; q <= position; ++q)
      scratch[q] = values[q];
    arena[i] = logitOf(scratch, position, i % kFakeVocabulary);
  }
  mark(step, worker, 1);
  if (step->barrier(step->pool, worker))
    return;
  for (int64_t i = worker; i < items; i += workers)
    step->logits[i] = arena[i];
  mark(step, worker, 2);
}

/* The first needs a feature that no processor has. */
static const quern_variant kVariants[] = {
    {"imaginary", QUERN_FEATURE_X86_64_V3 | (uint64_t)1 << 63, forward,
     "{\"isa\":\"imaginary\"}", kFakeKernels},
    {"plain", 0, forward, "{\"isa\":\"plain\"}", kFakeKernels},
    {"portable", 0, forward, "{\"isa\":\"portable\"}", kFakeKernels},
};

/* The hashes are what `xxhsum -H3` prints for the bytes of fakeWeightsByte. */
static const quern_tensor_record kTensors[] = {
    {"table", 0, kFakeTableBytes, 0xffb4f20dd586f61e},
    {"big", kFakeBigOffset, kFakeBigBytes, 0xe687b0e16f18af23},
};

const quern_model_table quern_generated_model = {
    .table_version = 2,
    .description = "{\"architecture\":\"fake\",\"vocabulary\":32}",
    .variants = kVariants,
    .variant_count = sizeof(kVariants) / sizeof(*kVariants),
    .tensors = kTensors,
    .tensor_count = sizeof(kTensors) / sizeof(*kTensors),
    .weights_file_bytes = kFakeFileBytes,
    .weights_header_hash = 0xab50839c45d2bd47,
    .data_offset = kFakeDataOffset,
    .arena_bytes = kFakeChunk * kFakeVocabulary * sizeof(float),
    .scratch_bytes = 0,
    .scratch_bytes_per_token = sizeof(float),
    .cache_bytes_per_token = sizeof(float),
    .max_chunk = kFakeChunk,
    .max_context = kFakeContext,
    .vocabulary = kFakeVocabulary,
};
