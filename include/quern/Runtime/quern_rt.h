/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file The C interface of a compiled model.
 *
 * `model.so` exports one symbol, quern_get_api. Everything else is reached
 * through the table it returns. No function aborts, throws, prints or keeps
 * global state; each returns a status, and the text of the last error of a
 * model or session can be asked for. Objects may be used by one thread at a
 * time; distinct sessions of one model may run from distinct threads, one after
 * another on the model's pool.
 */
#ifndef QUERN_RUNTIME_QUERN_RT_H
#define QUERN_RUNTIME_QUERN_RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QUERN_ABI_MAJOR 1

typedef enum quern_status {
  QUERN_OK = 0,
  /* a parameter is out of range or null */
  QUERN_ERR_INVALID_ARGUMENT = 1,
  /* weights missing, damaged, cut short or not of this build */
  QUERN_ERR_FILE = 2,
  /* no instruction set of the artifact fits this CPU */
  QUERN_ERR_CPU_FEATURES = 3,
  QUERN_ERR_OUT_OF_MEMORY = 4,
  /* the session's KV cache is full */
  QUERN_ERR_CAPACITY = 5,
  /* quern_api.cancel was called during the run */
  QUERN_ERR_CANCELLED = 6,
  /* a worker thread could not be started, or is gone after a fork */
  QUERN_ERR_THREADS = 7
} quern_status;

typedef struct quern_model quern_model;
typedef struct quern_session quern_session;

/* Structs of options begin with their size: a field that the caller's version
 * does not know has its default. Null is all defaults. */
typedef struct quern_load_options {
  size_t size;      /* sizeof(quern_load_options) */
  uint32_t threads; /* 0: as many as the affinity mask and cgroup quota allow */
  const char *isa;  /* null: the best that fits; else a name from describe() */
  uint32_t verify;  /* 1: check the hash of every weight before returning */
} quern_load_options;

typedef struct quern_session_limits {
  size_t size; /* sizeof(quern_session_limits) */
  /* tokens of context, rounded up to a multiple of 16 within the artifact's
   * maximum; 0: the artifact's maximum */
  uint32_t capacity;
} quern_session_limits;

/* What a worker did with its time, by the system's monotonic clock. */
typedef struct quern_kernel_time {
  uint64_t busy_ns; /* in the kernel */
  uint64_t wait_ns; /* at barriers, from there to its next kernel or the end */
} quern_kernel_time;

/* Where the last run (prefill or decode) of a model spent its time, summed over
 * the chunks of tokens it was cut into. */
typedef struct quern_profile {
  size_t size;      /* sizeof(quern_profile), set by the caller */
  uint64_t wall_ns; /* of a worker: the sum of its times */
  uint64_t kernels; /* that quern_api.kernels lists */
  uint32_t workers;
  /* times[workers][1 + kernels]: the first of a worker has its wait for the
   * start, entry 1 + k is about kernel k. Owned by the model, and valid until
   * its next run, set_profiling, set_threads or unload. */
  const quern_kernel_time *times;
} quern_profile;

typedef struct quern_api {
  size_t size; /* sizeof(quern_api) of the artifact: it can grow */
  uint32_t abi_major;
  uint32_t flags;

  /* Opens `weights_path` (weights.safetensors beside model.so), checks it
   * against the build, maps it and starts the threads. On failure *model is
   * null and error (if not null) receives a message of at most error_size
   * bytes. */
  quern_status (*load)(const char *weights_path,
                       const quern_load_options *options, quern_model **model,
                       char *error, size_t error_size);
  /* The model lives on, threads included, until its last session is destroyed.
   */
  void (*unload)(quern_model *model);

  /* JSON: architecture, inputs, outputs, dimensions, formats, instruction
   * sets, the one in use, threads, build id. Owned by the model, and valid
   * until set_threads or unload. */
  const char *(*describe)(quern_model *model);

  /* Creates an empty session that owns its KV cache. */
  quern_status (*session_create)(quern_model *model,
                                 const quern_session_limits *limits,
                                 quern_session **session);
  void (*session_destroy)(quern_session *session);

  /* Appends tokens[0, count) to the session and computes logits for the last
   * `rows` of them (0 <= rows <= count) into logits[rows][vocabulary]. */
  quern_status (*prefill)(quern_session *session, const int32_t *tokens,
                          size_t count, float *logits, size_t rows);
  /* prefill of one token with one row of logits. */
  quern_status (*decode)(quern_session *session, int32_t token, float *logits);

  size_t (*session_position)(const quern_session *session); /* tokens held */
  quern_status (*session_reset)(quern_session *session);
  /* Forgets all but the first `position` tokens. */
  quern_status (*session_truncate)(quern_session *session, size_t position);
  /* An independent copy, its KV cache included. */
  quern_status (*session_fork)(quern_session *session, quern_session **copy);

  quern_status (*set_threads)(quern_model *model, uint32_t threads);
  /* May be called from any thread: the run in progress, waiting for the model
   * included, returns QUERN_ERR_CANCELLED soon; none of its tokens is part of
   * the session then. Without a run in progress it does nothing. */
  void (*cancel)(quern_session *session);

  /* Text of the last error, "" if none. Owned by the object. */
  const char *(*model_error)(const quern_model *model);
  const char *(*session_error)(const quern_session *session);

  /* The hash check of load_options.verify on demand: QUERN_ERR_FILE names the
   * first damaged weight. */
  quern_status (*verify)(quern_model *model);

  /* JSON: "isa", "max_chunk" (most tokens run together), and "kernels", what
   * runs for a chunk, in order (docs/HowTo/ProfileAModel.md). Owned by the
   * model. */
  const char *(*kernels)(quern_model *model);
  /* Whether later runs are timed; at first they are not. */
  quern_status (*set_profiling)(quern_model *model, uint32_t on);
  /* Zeroes before the first timed run, QUERN_ERR_INVALID_ARGUMENT while
   * profiling is off. */
  quern_status (*read_profile)(quern_model *model, quern_profile *profile);
} quern_api;

/* Null if the artifact does not speak `abi_major`. */
const quern_api *quern_get_api(uint32_t abi_major);

#ifdef __cplusplus
}
#endif

#endif /* QUERN_RUNTIME_QUERN_RT_H */
