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

/* Returns when every worker of the step has called it; what they wrote before
 * is then visible to all. Nonzero if the run was cancelled: all workers get the
 * same answer, and `forward` may then return at once (or go on and ignore it).
 */
typedef int64_t (*quern_barrier_fn)(void *pool, int64_t worker);

/* Called by a worker that has just done its share of kernel `kernel`, an index
 * into the variant's list. */
typedef void (*quern_mark_fn)(void *pool, int64_t worker, int64_t kernel);

/* One call of `forward`. Field order is read by generated code: all fields
 * are 8 bytes wide, field i lies at byte 8 * i. */
typedef struct quern_step {
  /* 0: start of the data section of weights.safetensors */
  const uint8_t *weights;
  /* 1: activations, quern_model_table.arena_bytes, 64-byte aligned */
  uint8_t *arena;
  /* 2: the session's KV cache, 64-byte aligned. What lies past its first
   * `position` tokens is unspecified (zero, or of a forgotten run) and must not
   * reach a result */
  uint8_t *cache;
  /* 3: private memory of worker w begins at scratch + w * scratch_stride */
  uint8_t *scratch;
  int64_t scratch_stride;   /* 4: bytes, multiple of 64 */
  const int32_t *tokens;    /* 5: `count` token ids, each in [0, vocabulary) */
  float *logits;            /* 6: [logit_rows][vocabulary] */
  int64_t count;            /* 7: tokens in this step, 1 .. max_chunk */
  int64_t position;         /* 8: tokens already in the cache */
  int64_t logit_rows;       /* 9: trailing tokens to compute logits for */
  int64_t capacity;         /* 10: tokens the cache holds, a multiple of 16 */
  int64_t workers;          /* 11 */
  quern_barrier_fn barrier; /* 12 */
  void *pool;               /* 13: given to barrier and mark */
  quern_mark_fn mark;       /* 14: null unless somebody measures */
} quern_step;

typedef void (*quern_forward_fn)(quern_step *step, int64_t worker);

/* What a variant may require of the CPU and of the operating system's enabling
 * of it, named as in Base/CpuFeatures.h. */
enum quern_feature {
  QUERN_FEATURE_X86_64_V3 = 1 << 0, /* AVX2, FMA, F16C, BMI1/2, LZCNT, MOVBE */
  QUERN_FEATURE_X86_64_V4 = 1 << 1, /* and AVX-512 F, BW, CD, DQ, VL */
  QUERN_FEATURE_AVX512VNNI = 1 << 2,
  QUERN_FEATURE_AVX512VBMI = 1 << 3,
  QUERN_FEATURE_AVX512BF16 = 1 << 4,
  QUERN_FEATURE_AVX512FP16 = 1 << 5,
  QUERN_FEATURE_AVXVNNI = 1 << 6,
  QUERN_FEATURE_ARM_DOTPROD = 1 << 7,
  QUERN_FEATURE_ARM_I8MM = 1 << 8,
  QUERN_FEATURE_ARM_BF16 = 1 << 9,
  QUERN_FEATURE_AMX_INT8 = 1 << 10, /* and permission to use tiles */
  QUERN_FEATURE_AMX_BF16 = 1 << 11, /* likewise */
};

typedef struct quern_variant {
  const char *isa;            /* a CpuTarget's, "avx512" */
  uint64_t required_features; /* bits of quern_feature */
  quern_forward_fn forward;
  const char *kernels; /* JSON object that quern_api.kernels returns */
  uint64_t kernel_count;
} quern_variant;

typedef struct quern_tensor_record {
  const char *name;
  uint64_t offset; /* in the data section */
  uint64_t bytes;
  uint64_t hash; /* XXH3_64bits of the bytes */
} quern_tensor_record;

/* The one object that generated code defines for the runtime,
 * `quern_generated_model`. */
typedef struct quern_model_table {
  uint64_t table_version;        /* 2 */
  const char *description;       /* JSON object that describe() completes */
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
  uint64_t max_chunk;               /* largest count of a step */
  uint64_t max_context;             /* most tokens that a session holds */
  uint64_t vocabulary;
} quern_model_table;

extern const quern_model_table quern_generated_model;

#ifdef __cplusplus
}
#endif

#endif /* QUERN_RUNTIME_STEPABI_H */
