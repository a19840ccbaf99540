// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Prefill and decode: tokens in, logits out, one chunk at a time.

#include "Model.h"

#include <inttypes.h>

using namespace quern::runtime;

namespace {

/// What one prefill was asked for.
struct Request {
  const int32_t *tokens;
  uint64_t count;
  float *logits;
  uint64_t rows; // the trailing tokens to compute logits for
};

/// Rejects what a run may not be started with.
quern_status check(quern_session &session, const Request &request) {
  const quern_model_table &table = *session.model->table;
  Message &error = session.error;
  if (!request.tokens && request.count > 0)
    return error.fail(QUERN_ERR_INVALID_ARGUMENT,
                      "expects %" PRIu64 " tokens, but got null",
                      request.count);
  if (request.rows > request.count)
    return error.fail(QUERN_ERR_INVALID_ARGUMENT,
                      "expects logits of at most %" PRIu64
                      " tokens, but got %" PRIu64 " rows",
                      request.count, request.rows);
  if (!request.logits && request.rows > 0)
    return error.fail(QUERN_ERR_INVALID_ARGUMENT,
                      "expects memory for %" PRIu64
                      " rows of logits, but got null",
                      request.rows);
  for (uint64_t i = 0; i < request.count; ++i)
    if (request.tokens[i] < 0 ||
        uint64_t(request.tokens[i]) >= table.vocabulary)
      return error.fail(QUERN_ERR_INVALID_ARGUMENT,
                        "token %" PRIu64 ": expects an id in [0, %" PRIu64
                        "), but got %" PRId32,
                        i, table.vocabulary, request.tokens[i]);
  if (request.count > session.limit - session.position)
    return error.fail(
        QUERN_ERR_CAPACITY,
        "expects at most %" PRIu64 " more tokens after the %" PRIu64
        " held, but got %" PRIu64,
        session.limit - session.position, session.position, request.count);
  return QUERN_OK;
}

/// The step of the chunk that begins at token `done` of the request.
quern_step makeStep(const quern_session &session, const Request &request,
                    uint64_t done) {
  const quern_model &model = *session.model;
  const quern_model_table &table = *model.table;
  uint64_t left = request.count - done;
  uint64_t count = left < table.max_chunk ? left : table.max_chunk;
  // Rows [first, first + rows) of the request's logits belong to this chunk.
  uint64_t firstRowToken = request.count - request.rows;
  uint64_t begin = done > firstRowToken ? done : firstRowToken;
  uint64_t rows = done + count > begin ? done + count - begin : 0;

  quern_step step = {};
  step.weights = model.weights.file + table.data_offset;
  step.arena = model.arena.data;
  step.cache = session.cache.data;
  step.scratch = model.scratch.data;
  step.scratch_stride = int64_t(model.scratchStride);
  step.tokens = request.tokens + done;
  if (rows > 0)
    step.logits = request.logits + (begin - firstRowToken) * table.vocabulary;
  step.count = int64_t(count);
  step.position = int64_t(session.position + done);
  step.logit_rows = int64_t(rows);
  step.capacity = int64_t(session.capacity);
  step.workers = model.pool->workers();
  step.barrier = ThreadPool::barrier;
  step.pool = model.pool;
  return step;
}

bool isCancelled(const quern_session &session) {
  return session.cancel.load(std::memory_order_relaxed) != 0;
}

/// Runs the chunks. The session's position moves only at the end: what a
/// cancelled run wrote to the cache lies past it.
quern_status runChunks(quern_session &session, const Request &request) {
  ThreadPool &pool = *session.model->pool;
  if (!pool.isAlive())
    return session.error.fail(
        QUERN_ERR_THREADS,
        "the model was loaded before this process was forked and its threads "
        "are not here: load it again");
  Profile *profile = session.model->profile;
  if (profile)
    profile->clear();
  uint64_t done = 0;
  while (done < request.count && !isCancelled(session)) {
    quern_step step = makeStep(session, request, done);
    if (profile)
      profile->run(pool, session.model->variant->forward, &step,
                   &session.cancel);
    else
      pool.run(session.model->variant->forward, &step, &session.cancel);
    done += uint64_t(step.count);
  }
  if (isCancelled(session))
    return session.error.fail(QUERN_ERR_CANCELLED, "the run was cancelled");
  session.position += request.count;
  return QUERN_OK;
}

} // namespace

quern_status quern::runtime::prefill(quern_session *session,
                                     const int32_t *tokens, size_t count,
                                     float *logits, size_t rows) {
  if (!session)
    return QUERN_ERR_INVALID_ARGUMENT;
  Request request = {tokens, count, logits, rows};
  quern_status status = check(*session, request);
  if (status != QUERN_OK)
    return status;
  // From here on a cancel is meant for this run, also while it waits its turn.
  session->cancel.store(0, std::memory_order_relaxed);
  pthread_mutex_lock(&session->model->mutex);
  status = runChunks(*session, request);
  pthread_mutex_unlock(&session->model->mutex);
  return status;
}

quern_status quern::runtime::decode(quern_session *session, int32_t token,
                                    float *logits) {
  return prefill(session, &token, 1, logits, 1);
}

void quern::runtime::cancel(quern_session *session) {
  if (session)
    session->cancel.store(1, std::memory_order_relaxed);
}
