// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Load, describe, verify, and the workers of a model.

#include "Model.h"
#include "Description.h"
#include "Processors.h"
#include "Variant.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

using namespace quern::runtime;

namespace {

/// What a caller asked of load, each field with its default.
struct LoadRequest {
  uint32_t threads;
  const char *isa;
  bool verify;
};

LoadRequest readOptions(const quern_load_options *options) {
  LoadRequest request = {};
  if (QUERN_HAS_FIELD(quern_load_options, options, threads))
    request.threads = options->threads;
  if (QUERN_HAS_FIELD(quern_load_options, options, isa))
    request.isa = options->isa;
  if (QUERN_HAS_FIELD(quern_load_options, options, verify))
    request.verify = options->verify != 0;
  return request;
}

/// Checks what this file and its neighbours take for granted about the table.
bool isSound(const quern_model_table &table) {
  if (table.table_version != 2 || !table.description || table.max_chunk == 0 ||
      table.max_context == 0 || table.max_context > UINT32_MAX ||
      table.vocabulary == 0 || table.variant_count == 0 ||
      table.data_offset > table.weights_file_bytes)
    return false;
  uint64_t dataBytes = table.weights_file_bytes - table.data_offset;
  for (uint64_t i = 0; i < table.tensor_count; ++i)
    if (table.tensors[i].offset > dataBytes ||
        table.tensors[i].bytes > dataBytes - table.tensors[i].offset)
      return false;
  return true;
}

/// A worker's scratch memory at the largest capacity. Untouched pages are free,
/// so that nothing has to grow with a session.
bool scratchStride(const quern_model_table &table, uint64_t &stride) {
  uint64_t capacity, bytes;
  return roundUp(table.max_context, kCapacityStep, capacity) &&
         !__builtin_mul_overflow(capacity, table.scratch_bytes_per_token,
                                 &bytes) &&
         !__builtin_add_overflow(bytes, table.scratch_bytes, &bytes) &&
         roundUp(bytes, kLineBytes, stride);
}

/// What a number of workers needs.
struct Crew {
  ThreadPool *pool = nullptr;
  Pages scratch;
  char *description = nullptr;
  Profile *profile = nullptr;

  void dismiss() {
    ThreadPool::destroy(pool);
    scratch.unmap();
    free(description);
    Profile::destroy(profile);
  }
};

quern_status hireCrew(const quern_model &model, uint32_t threads,
                      bool isProfiled, Crew &crew, Message &message) {
  uint32_t processors = availableProcessors();
  if (threads == 0)
    threads = processors < kMaxWorkers ? processors : kMaxWorkers;
  if (threads > kMaxWorkers)
    return message.fail(QUERN_ERR_INVALID_ARGUMENT,
                        "expects at most %" PRIu32 " threads, but got %" PRIu32,
                        kMaxWorkers, threads);
  uint64_t bytes;
  if (!__builtin_mul_overflow(model.scratchStride, uint64_t(threads), &bytes))
    crew.scratch = Pages::map(bytes);
  crew.description =
      makeDescription(model.table->description, model.variant->isa, threads);
  if (isProfiled)
    crew.profile = Profile::create(threads, model.variant->kernel_count);
  if (!crew.scratch || !crew.description || (isProfiled && !crew.profile))
    return message.fail(QUERN_ERR_OUT_OF_MEMORY,
                        "out of memory for the working memory of %" PRIu32
                        " threads, %" PRIu64 " bytes each",
                        threads, model.scratchStride);
  int error;
  crew.pool = ThreadPool::create(threads, threads <= processors, error);
  if (!crew.pool)
    return message.fail(QUERN_ERR_THREADS,
                        "%" PRIu32 " threads could not be started: %s", threads,
                        strerror(error));
  return QUERN_OK;
}

/// Replaces the workers; on failure the ones there were stay.
quern_status replaceCrew(quern_model &model, uint32_t threads,
                         Message &message) {
  Crew next;
  quern_status status =
      hireCrew(model, threads, model.profile != nullptr, next, message);
  if (status != QUERN_OK) {
    next.dismiss();
    return status;
  }
  Crew previous;
  previous.pool = model.pool;
  previous.scratch = model.scratch;
  previous.description = model.description;
  previous.profile = model.profile;
  model.pool = next.pool;
  model.scratch = next.scratch;
  model.description = next.description;
  model.profile = next.profile;
  previous.dismiss();
  return QUERN_OK;
}

/// Fills a zeroed model. What it leaves half done, `release` frees.
quern_status fillModel(quern_model &model, const char *weightsPath,
                       const LoadRequest &request) {
  const quern_model_table &table = quern_generated_model;
  Message &message = model.error;
  model.table = &table;
  if (!isSound(table) || !scratchStride(table, model.scratchStride))
    return message.fail(QUERN_ERR_FILE,
                        "the model's table is not one that this runtime reads");
  quern_status status = chooseVariant(table, request.isa, detectFeatures(),
                                      model.variant, message);
  if (status != QUERN_OK)
    return status;
  status = model.weights.open(weightsPath, table, message);
  if (status != QUERN_OK)
    return status;
  if (request.verify &&
      (status = model.weights.verify(table, message)) != QUERN_OK)
    return status;
  // A step reads and writes rows of activations kilobytes apart.
  model.arena = Pages::map(table.arena_bytes, Pages::Use::Dense);
  if (!model.arena)
    return message.fail(QUERN_ERR_OUT_OF_MEMORY,
                        "out of memory for %" PRIu64 " bytes of activations",
                        table.arena_bytes);
  return replaceCrew(model, request.threads, message);
}

void reportError(const char *text, char *error, size_t errorSize) {
  if (error && errorSize > 0)
    snprintf(error, errorSize, "%s", text);
}

} // namespace

quern_status quern::runtime::load(const char *weightsPath,
                                  const quern_load_options *options,
                                  quern_model **model, char *error,
                                  size_t errorSize) {
  reportError("", error, errorSize);
  if (model)
    *model = nullptr;
  if (!model || !weightsPath) {
    reportError("expects a path and a place for the model, but got null", error,
                errorSize);
    return QUERN_ERR_INVALID_ARGUMENT;
  }
  // Zeroed memory is a valid model that owns nothing.
  void *memory = aligned_alloc(alignof(quern_model), sizeof(quern_model));
  if (!memory) {
    reportError("out of memory for the model", error, errorSize);
    return QUERN_ERR_OUT_OF_MEMORY;
  }
  memset(memory, 0, sizeof(quern_model));
  auto *loaded = static_cast<quern_model *>(memory);
  loaded->references = 1;
  pthread_mutex_init(&loaded->mutex, nullptr);
  quern_status status = fillModel(*loaded, weightsPath, readOptions(options));
  if (status == QUERN_OK) {
    *model = loaded;
    return QUERN_OK;
  }
  reportError(loaded->error.text, error, errorSize);
  release(loaded);
  return status;
}

void quern::runtime::release(quern_model *model) {
  if (model->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  ThreadPool::destroy(model->pool);
  model->scratch.unmap();
  free(model->description);
  Profile::destroy(model->profile);
  model->arena.unmap();
  model->weights.close();
  pthread_mutex_destroy(&model->mutex);
  free(model);
}

void quern::runtime::unload(quern_model *model) {
  if (model)
    release(model);
}

const char *quern::runtime::describe(quern_model *model) {
  return model ? model->description : "";
}

quern_status quern::runtime::setThreads(quern_model *model, uint32_t threads) {
  if (!model)
    return QUERN_ERR_INVALID_ARGUMENT;
  pthread_mutex_lock(&model->mutex);
  quern_status status = replaceCrew(*model, threads, model->error);
  pthread_mutex_unlock(&model->mutex);
  return status;
}

const char *quern::runtime::modelError(const quern_model *model) {
  return model ? model->error.text : "";
}

quern_status quern::runtime::verify(quern_model *model) {
  if (!model)
    return QUERN_ERR_INVALID_ARGUMENT;
  pthread_mutex_lock(&model->mutex);
  quern_status status = model->weights.verify(*model->table, model->error);
  pthread_mutex_unlock(&model->mutex);
  return status;
}

const char *quern::runtime::kernels(quern_model *model) {
  return model ? model->variant->kernels : "";
}

/// Begins or ends the timing of runs; called between them.
static quern_status profileRuns(quern_model &model, bool on) {
  if (on == (model.profile != nullptr))
    return QUERN_OK;
  if (!on) {
    Profile::destroy(model.profile);
    model.profile = nullptr;
    return QUERN_OK;
  }
  uint32_t workers = model.pool->workers();
  uint64_t count = model.variant->kernel_count;
  model.profile = Profile::create(workers, count);
  if (!model.profile)
    return model.error.fail(QUERN_ERR_OUT_OF_MEMORY,
                            "out of memory for the times of %" PRIu64
                            " kernels and %" PRIu32 " threads",
                            count, workers);
  return QUERN_OK;
}

quern_status quern::runtime::setProfiling(quern_model *model, uint32_t on) {
  if (!model)
    return QUERN_ERR_INVALID_ARGUMENT;
  pthread_mutex_lock(&model->mutex);
  quern_status status = profileRuns(*model, on != 0);
  pthread_mutex_unlock(&model->mutex);
  return status;
}

static quern_status copyProfile(quern_model &model, quern_profile &profile) {
  if (!model.profile)
    return model.error.fail(QUERN_ERR_INVALID_ARGUMENT,
                            "expects profiling to be on, but it is off");
  if (!QUERN_HAS_FIELD(quern_profile, &profile, times))
    return model.error.fail(QUERN_ERR_INVALID_ARGUMENT,
                            "expects a profile of at least %zu bytes, but got "
                            "%zu",
                            sizeof(quern_profile), profile.size);
  profile.wall_ns = model.profile->wallNanoseconds();
  profile.kernels = model.profile->kernels();
  profile.workers = model.profile->workers();
  profile.times = model.profile->times();
  return QUERN_OK;
}

quern_status quern::runtime::readProfile(quern_model *model,
                                         quern_profile *profile) {
  if (!model || !profile)
    return QUERN_ERR_INVALID_ARGUMENT;
  pthread_mutex_lock(&model->mutex);
  quern_status status = copyProfile(*model, *profile);
  pthread_mutex_unlock(&model->mutex);
  return status;
}
