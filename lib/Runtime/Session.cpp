// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Sessions: create, destroy, reset, truncate, fork.

#include "Model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

using namespace quern::runtime;

namespace {

/// A session of `limit` tokens with an empty cache, or null with the reason in
/// the model's error.
quern_session *makeSession(quern_model &model, uint64_t limit) {
  uint64_t capacity, bytes;
  auto *session =
      static_cast<quern_session *>(calloc(1, sizeof(quern_session)));
  if (session && roundUp(limit, kCapacityStep, capacity) &&
      !__builtin_mul_overflow(capacity, model.table->cache_bytes_per_token,
                              &bytes))
    session->cache = Pages::map(bytes);
  if (!session || !session->cache) {
    free(session);
    model.error.fail(QUERN_ERR_OUT_OF_MEMORY,
                     "out of memory for a KV cache of %" PRIu64
                     " tokens, %" PRIu64 " bytes each",
                     limit, model.table->cache_bytes_per_token);
    return nullptr;
  }
  session->model = &model;
  session->capacity = capacity;
  session->limit =
      capacity < model.table->max_context ? capacity : model.table->max_context;
  model.references.fetch_add(1, std::memory_order_relaxed);
  return session;
}

/// The lock guards the model's error text against sessions on other threads.
quern_status createLocked(quern_model &model,
                          const quern_session_limits *limits,
                          quern_session **session) {
  uint64_t limit = 0;
  if (QUERN_HAS_FIELD(quern_session_limits, limits, capacity))
    limit = limits->capacity;
  if (limit == 0)
    limit = model.table->max_context;
  if (limit > model.table->max_context)
    return model.error.fail(QUERN_ERR_INVALID_ARGUMENT,
                            "expects a capacity of at most %" PRIu64
                            " tokens, but got %" PRIu64,
                            model.table->max_context, limit);
  *session = makeSession(model, limit);
  return *session ? QUERN_OK : QUERN_ERR_OUT_OF_MEMORY;
}

} // namespace

quern_status quern::runtime::sessionCreate(quern_model *model,
                                           const quern_session_limits *limits,
                                           quern_session **session) {
  if (session)
    *session = nullptr;
  if (!model || !session)
    return QUERN_ERR_INVALID_ARGUMENT;
  pthread_mutex_lock(&model->mutex);
  quern_status status = createLocked(*model, limits, session);
  pthread_mutex_unlock(&model->mutex);
  return status;
}

void quern::runtime::sessionDestroy(quern_session *session) {
  if (!session)
    return;
  quern_model *model = session->model;
  session->cache.unmap();
  free(session);
  release(model);
}

size_t quern::runtime::sessionPosition(const quern_session *session) {
  return session ? session->position : 0;
}

quern_status quern::runtime::sessionReset(quern_session *session) {
  return sessionTruncate(session, 0);
}

quern_status quern::runtime::sessionTruncate(quern_session *session,
                                             size_t position) {
  if (!session)
    return QUERN_ERR_INVALID_ARGUMENT;
  if (position > session->position)
    return session->error.fail(QUERN_ERR_INVALID_ARGUMENT,
                               "expects a position of at most %" PRIu64
                               ", the tokens held, but got %zu",
                               session->position, position);
  session->position = position;
  return QUERN_OK;
}

quern_status quern::runtime::sessionFork(quern_session *session,
                                         quern_session **copy) {
  if (copy)
    *copy = nullptr;
  if (!session)
    return QUERN_ERR_INVALID_ARGUMENT;
  if (!copy)
    return session->error.fail(QUERN_ERR_INVALID_ARGUMENT,
                               "expects a place for the copy, but got null");
  quern_model &model = *session->model;
  pthread_mutex_lock(&model.mutex);
  *copy = makeSession(model, session->limit);
  if (!*copy)
    session->error = model.error;
  pthread_mutex_unlock(&model.mutex);
  if (!*copy)
    return QUERN_ERR_OUT_OF_MEMORY;
  copySparse((*copy)->cache.data, session->cache.data, session->cache.bytes);
  (*copy)->position = session->position;
  return QUERN_OK;
}

const char *quern::runtime::sessionError(const quern_session *session) {
  return session ? session->error.text : "";
}
