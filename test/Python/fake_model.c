// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A model.so whose predictions are a formula, for tests of the loader
// without the compiler: after token t at position p, the logit of token v is
// (t * 31 + p * 17 + v * 7) % 101 / 10 + SHIFT * (v % 3). A run of token 319
// alone whose logits nobody wants lasts until it is cancelled.

#include "quern/Runtime/quern_rt.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SHIFT
#define SHIFT 0.0f
#endif

enum { VOCABULARY = 320, CONTEXT = 128, ENDLESS_TOKEN = 319 };

struct quern_model {
  char description[256];
  char error[256];
  uint32_t threads;
};

struct quern_session {
  quern_model *model;
  size_t capacity, position;
  char error[256];
  atomic_int running, cancelled;
};

static void describe_again(quern_model *model) {
  snprintf(model->description, sizeof(model->description),
           "{\"isa\":\"formula\",\"threads\":%u,\"cpu\":\"a test\"}",
           model->threads);
}

static quern_status load(const char *path, const quern_load_options *options,
                         quern_model **model, char *error, size_t size) {
  *model = NULL;
  if (options->isa && strcmp(options->isa, "formula")) {
    snprintf(error, size, "expects the instruction set formula, but got %s",
             options->isa);
    return QUERN_ERR_CPU_FEATURES;
  }
  if (access(path, R_OK)) {
    snprintf(error, size, "%s: cannot be read", path);
    return QUERN_ERR_FILE;
  }
  *model = calloc(1, sizeof(quern_model));
  (*model)->threads = options->threads ? options->threads : 2;
  describe_again(*model);
  return QUERN_OK;
}

static void unload(quern_model *model) { (void)model; }

static const char *describe(quern_model *model) { return model->description; }

static quern_status create(quern_model *model,
                           const quern_session_limits *limits,
                           quern_session **session) {
  *session = NULL;
  if (limits->capacity > CONTEXT) {
    snprintf(model->error, sizeof(model->error),
             "capacity: expects at most %d tokens, but got %u", CONTEXT,
             limits->capacity);
    return QUERN_ERR_INVALID_ARGUMENT;
  }
  *session = calloc(1, sizeof(quern_session));
  (*session)->model = model;
  (*session)->capacity = limits->capacity ? limits->capacity : CONTEXT;
  return QUERN_OK;
}

static void destroy(quern_session *session) { free(session); }

static quern_status wait_for_cancel(quern_session *session) {
  session->running = 1;
  while (!session->cancelled)
    usleep(1000);
  session->running = session->cancelled = 0;
  snprintf(session->error, sizeof(session->error), "the run was cancelled");
  return QUERN_ERR_CANCELLED;
}

static void predict(float *logits, int32_t token, size_t position) {
  for (int v = 0; v != VOCABULARY; ++v)
    logits[v] =
        (token * 31 + position * 17 + v * 7) % 101 / 10.0f + SHIFT * (v % 3);
}

static quern_status prefill(quern_session *session, const int32_t *tokens,
                            size_t count, float *logits, size_t rows) {
  if (session->position + count > session->capacity) {
    snprintf(session->error, sizeof(session->error),
             "expects at most %zu tokens, but got %zu", session->capacity,
             session->position + count);
    return QUERN_ERR_CAPACITY;
  }
  for (size_t i = 0; i != count; ++i) {
    if (tokens[i] < 0 || tokens[i] >= VOCABULARY) {
      snprintf(session->error, sizeof(session->error),
               "token %zu: expects an id below %d, but got %d", i, VOCABULARY,
               tokens[i]);
      return QUERN_ERR_INVALID_ARGUMENT;
    }
    if (tokens[i] == ENDLESS_TOKEN && count == 1 && rows == 0)
      return wait_for_cancel(session);
  }
  for (size_t r = 0; r != rows; ++r) {
    size_t i = count - rows + r;
    predict(logits + r * VOCABULARY, tokens[i], session->position + i);
  }
  session->position += count;
  return QUERN_OK;
}

static quern_status decode(quern_session *session, int32_t token,
                           float *logits) {
  return prefill(session, &token, 1, logits, 1);
}

static size_t position(const quern_session *session) {
  return session->position;
}

static quern_status truncate_to(quern_session *session, size_t position) {
  if (position > session->position) {
    snprintf(session->error, sizeof(session->error),
             "position: expects at most %zu, but got %zu", session->position,
             position);
    return QUERN_ERR_INVALID_ARGUMENT;
  }
  session->position = position;
  return QUERN_OK;
}

static quern_status reset(quern_session *session) {
  return truncate_to(session, 0);
}

static quern_status fork_session(quern_session *session, quern_session **copy) {
  *copy = calloc(1, sizeof(quern_session));
  (*copy)->model = session->model;
  (*copy)->capacity = session->capacity;
  (*copy)->position = session->position;
  return QUERN_OK;
}

static quern_status set_threads(quern_model *model, uint32_t threads) {
  model->threads = threads;
  describe_again(model);
  return QUERN_OK;
}

static void cancel(quern_session *session) {
  if (session->running)
    session->cancelled = 1;
}

static const char *model_error(const quern_model *model) {
  return model->error;
}
static const char *session_error(const quern_session *session) {
  return session->error;
}

static quern_status verify(quern_model *model) {
  snprintf(model->error, sizeof(model->error), "tensor 'w': is damaged");
  return QUERN_ERR_FILE;
}

/* The table of a model compiled before there were profiles. */
static const quern_api api = {.size = offsetof(quern_api, kernels),
                              .abi_major = QUERN_ABI_MAJOR,
                              .load = load,
                              .unload = unload,
                              .describe = describe,
                              .session_create = create,
                              .session_destroy = destroy,
                              .prefill = prefill,
                              .decode = decode,
                              .session_position = position,
                              .session_reset = reset,
                              .session_truncate = truncate_to,
                              .session_fork = fork_session,
                              .set_threads = set_threads,
                              .cancel = cancel,
                              .model_error = model_error,
                              .session_error = session_error,
                              .verify = verify};

const quern_api *quern_get_api(uint32_t abi_major) {
  return abi_major == QUERN_ABI_MAJOR ? &api : NULL;
}
