// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The objects behind the handles of quern_rt.h.

#ifndef QUERN_LIB_RUNTIME_MODEL_H
#define QUERN_LIB_RUNTIME_MODEL_H

#include "Memory.h"
#include "Message.h"
#include "Profile.h"
#include "ThreadPool.h"
#include "Weights.h"

/// A loaded model. Everything but `references` is read and written under
/// `mutex`, or does not change after load.
struct quern_model {
  const quern_model_table *table;
  const quern_variant *variant;
  quern::runtime::Weights weights;
  quern::runtime::Pages arena;

  // Set together by setThreads; `profile` by setProfiling too.
  quern::runtime::ThreadPool *pool;
  quern::runtime::Pages scratch; // of all workers, enough for any capacity
  uint64_t scratchStride;
  char *description;
  quern::runtime::Profile *profile; // null unless runs are timed

  pthread_mutex_t mutex; // held during a run
  // The caller's handle and each session's.
  std::atomic<uint32_t> references;
  quern::runtime::Message error;
};

struct quern_session {
  quern_model *model;
  quern::runtime::Pages cache;
  uint64_t capacity; // of the cache, a multiple of kCapacityStep
  uint64_t limit;    // of tokens: capacity within the artifact's maximum
  uint64_t position;
  std::atomic<uint32_t> cancel;
  quern::runtime::Message error;
};

namespace quern::runtime {

/// Kernels read the cache in blocks of this many tokens.
constexpr uint64_t kCapacityStep = 16;

/// Whether the struct `options`, of type `type` or null, has `field` by its own
/// account: callers may be older or newer than this artifact.
#define QUERN_HAS_FIELD(type, options, field)                                  \
  ((options) &&                                                                \
   (options)->size >= offsetof(type, field) + sizeof((options)->field))

/// Model.cpp: the functions of quern_api of the same names.
quern_status load(const char *weightsPath, const quern_load_options *options,
                  quern_model **model, char *error, size_t errorSize);
void unload(quern_model *model);
const char *describe(quern_model *model);
quern_status setThreads(quern_model *model, uint32_t threads);
const char *modelError(const quern_model *model);
quern_status verify(quern_model *model);
const char *kernels(quern_model *model);
quern_status setProfiling(quern_model *model, uint32_t on);
quern_status readProfile(quern_model *model, quern_profile *profile);

/// Drops one reference; the last one frees the model.
void release(quern_model *model);

/// Session.cpp
quern_status sessionCreate(quern_model *model,
                           const quern_session_limits *limits,
                           quern_session **session);
void sessionDestroy(quern_session *session);
size_t sessionPosition(const quern_session *session);
quern_status sessionReset(quern_session *session);
quern_status sessionTruncate(quern_session *session, size_t position);
quern_status sessionFork(quern_session *session, quern_session **copy);
const char *sessionError(const quern_session *session);

/// Run.cpp
quern_status prefill(quern_session *session, const int32_t *tokens,
                     size_t count, float *logits, size_t rows);
quern_status decode(quern_session *session, int32_t token, float *logits);
void cancel(quern_session *session);

} // namespace quern::runtime

#endif // QUERN_LIB_RUNTIME_MODEL_H
