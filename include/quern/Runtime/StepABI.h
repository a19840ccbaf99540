/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file What generated code and the runtime agree on. Internal: both are linked
 * into the same model.so, so that it may change with any version.
 *
 * Generated code is single program, multiple data: every worker calls the same
 * `forward` with its own index, works on its share of each parallel region and
 * meets the others at barriers.
 */
#ifndef QUERN_RUNTIME_STEPABI_H
#define QUERN_RUNTIME_STEPABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One call of `forward`. Field order is read by generated code: all fields
 * are 8 bytes wide, field i lies at byte 8 * i. */
typedef struct quern_step {
  const uint8_t *weights;  /* 0: start of the data section of weights.safetensors */
  uint8_t *arena;          /* 1: activations, quern_model_table.arena_bytes, 64-byte aligned */
  uint8_t *cache;          /* 2: the session's KV cache, 64-byte aligned */
  uint8_t *scratch;        /* 3: worker w's private memory begins at scratch + w * scratch_stride */
  int64_t scratch_stride;  /* 4: bytes, multiple of 64 */
  const int32_t *tokens;   /* 5: `count` token ids, each in [0, vocabulary) */
  float *logits;           /* 6: [logit_rows][vocabulary] */
  int64_t count;           /* 7: tokens in this step, 1 .. max_chunk */
  int64_t position;        /* 8: tokens already in the cache */
  int64_t logit_rows;      /* 9: trailing tokens to compute logits for */
  int64_t capacity;        /* 10: tokens the cache holds, a multiple of 16 */
  int64_t workers;         /* 11 */
  void (*barrier)(void *pool, int64_t worker); /* 12 */
  void *pool;              /* 13 */
} quern_step;

typedef void (*quern_forward_fn)(quern_step *step, int64_t worker);

typedef struct quern_variant {
  const char *isa;            /* "avx512", "avx2", "portable" */
  uint64_t required_features; /* bits of Base/CpuFeatures.h */
  quern_forward_fn forward;
} quern_variant;

typedef struct quern_tensor_record {
  const char *name;
  uint64_t offset; /* in the data section */
  uint64_t bytes;
  uint64_t hash;   /* XXH3_64bits of the bytes */
} quern_tensor_record;

/* The one object that generated code defines for the runtime,
 * `quern_generated_model`. */
typedef struct quern_model_table {
  uint64_t table_version;     /* 1 */
  const char *description;    /* JSON for describe(), complete but for run-time facts */
  const quern_variant *variants; /* best first */
  uint64_t variant_count;
  const quern_tensor_record *tensors;
  uint64_t tensor_count;
  uint64_t weights_file_bytes;  /* exact size of weights.safetensors */
  uint64_t weights_header_hash; /* XXH3_64bits of its first data_offset bytes */
  uint64_t data_offset;         /* of the data section in weights.safetensors */
  uint64_t arena_bytes;
  uint64_t scratch_bytes;           /* a worker's, independent of capacity */
  uint64_t scratch_bytes_per_token; /* plus this times capacity */
  uint64_t cache_bytes_per_token;   /* KV cache bytes = this times capacity */
  uint64_t max_chunk;   /* largest count of a step */
  uint64_t max_context; /* largest capacity */
  uint64_t vocabulary;
} quern_model_table;

extern const quern_model_table quern_generated_model;

#ifdef __cplusplus
}
#endif

#endif /* QUERN_RUNTIME_STEPABI_H */
