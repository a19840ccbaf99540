/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file A C program that knows an artifact by quern_rt.h alone, and checks what
 * must hold for every artifact.
 *
 *   c_client MODEL.so WEIGHTS [LOGITS]
 *
 * LOGITS receives those of chooseTokens, as floats of this machine.
 */
#include "quern/Runtime/quern_rt.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);  \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

enum { kTokens = 13, kKept = 5 };

static const quern_api *openArtifact(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  const quern_api *(*getApi)(uint32_t);
  *(void **)&getApi = dlsym(library, "quern_get_api");
  EXPECT(getApi);
  EXPECT(!getApi(QUERN_ABI_MAJOR + 1));
  const quern_api *api = getApi(QUERN_ABI_MAJOR);
  EXPECT(api && api->abi_major == QUERN_ABI_MAJOR);
  EXPECT(api->size >= sizeof(quern_api));
  return api;
}

static size_t readVocabulary(const char *description) {
  const char *key = strstr(description, "\"vocabulary\"");
  EXPECT(key);
  size_t vocabulary = strtoull(strchr(key, ':') + 1, NULL, 10);
  EXPECT(vocabulary > 0);
  return vocabulary;
}

static void checkRefusals(const quern_api *api, quern_session *session,
                          size_t vocabulary, float *logits) {
  quern_model *none = (quern_model *)api;
  char error[256] = "";
  EXPECT(api->load("/nowhere/weights.safetensors", NULL, &none, error,
                   sizeof(error)) == QUERN_ERR_FILE);
  EXPECT(!none && strstr(error, "/nowhere/weights.safetensors"));
  EXPECT(api->decode(session, -1, logits) == QUERN_ERR_INVALID_ARGUMENT);
  EXPECT(api->decode(session, (int32_t)vocabulary, logits) ==
         QUERN_ERR_INVALID_ARGUMENT);
  EXPECT(*api->session_error(session));
  EXPECT(api->session_position(session) == 0);
}

static void chooseTokens(int32_t *tokens, size_t vocabulary) {
  for (int i = 0; i < kTokens; ++i)
    tokens[i] = (int32_t)((size_t)(i * i + 1) % (vocabulary - 1));
}

/* Logits of the same tokens must not depend on what the session held before. */
static void checkSessions(const quern_api *api, quern_session *session,
                          size_t vocabulary, float *logits) {
  int32_t tokens[kTokens];
  float *again = logits + kTokens * vocabulary;
  size_t row = vocabulary * sizeof(float);
  chooseTokens(tokens, vocabulary);
  EXPECT(api->prefill(session, tokens, kTokens, logits, kTokens) == QUERN_OK);
  EXPECT(api->session_position(session) == kTokens);
  for (size_t i = 0; i < kTokens * vocabulary; ++i)
    EXPECT(logits[i] == logits[i]);

  quern_session *copy = NULL;
  EXPECT(api->session_truncate(session, kKept) == QUERN_OK);
  EXPECT(api->session_fork(session, &copy) == QUERN_OK && copy);
  size_t rest = kTokens - kKept;
  EXPECT(api->prefill(session, tokens + kKept, rest, logits, 1) == QUERN_OK);
  EXPECT(api->prefill(copy, tokens + kKept, rest, again, 1) == QUERN_OK);
  EXPECT(memcmp(logits, again, row) == 0);
  api->session_destroy(copy);

  EXPECT(api->session_reset(session) == QUERN_OK);
  EXPECT(api->decode(session, tokens[0], logits) == QUERN_OK);
  EXPECT(api->session_reset(session) == QUERN_OK);
  EXPECT(api->decode(session, tokens[0], again) == QUERN_OK);
  EXPECT(memcmp(logits, again, row) == 0);
  EXPECT(api->session_position(session) == 1);
}

static void writeLogits(const quern_api *api, quern_session *session,
                        size_t vocabulary, float *logits, const char *path) {
  int32_t tokens[kTokens];
  chooseTokens(tokens, vocabulary);
  EXPECT(api->session_reset(session) == QUERN_OK);
  EXPECT(api->prefill(session, tokens, kTokens, logits, kTokens) == QUERN_OK);
  FILE *file = fopen(path, "wb");
  EXPECT(file);
  EXPECT(fwrite(logits, vocabulary * sizeof(float), kTokens, file) == kTokens);
  EXPECT(fclose(file) == 0);
}

int main(int count, char **arguments) {
  if (count != 3 && count != 4) {
    fprintf(stderr, "usage: c_client MODEL.so WEIGHTS [LOGITS]\n");
    return 2;
  }
  const quern_api *api = openArtifact(arguments[1]);
  quern_load_options options = {.size = sizeof(options), .verify = 1};
  quern_model *model = NULL;
  char error[512];
  if (api->load(arguments[2], &options, &model, error, sizeof(error))) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  puts(api->describe(model));
  size_t vocabulary = readVocabulary(api->describe(model));
  float *logits = malloc((kTokens + 1) * vocabulary * sizeof(float));
  quern_session_limits limits = {.size = sizeof(limits), .capacity = 16};
  quern_session *session = NULL;
  EXPECT(logits);
  EXPECT(api->session_create(model, &limits, &session) == QUERN_OK);
  checkRefusals(api, session, vocabulary, logits);
  checkSessions(api, session, vocabulary, logits);
  EXPECT(api->set_threads(model, 3) == QUERN_OK);
  EXPECT(api->session_reset(session) == QUERN_OK);
  checkSessions(api, session, vocabulary, logits);
  if (count == 4)
    writeLogits(api, session, vocabulary, logits, arguments[3]);
  api->session_destroy(session);
  api->unload(model);
  free(logits);
  return 0;
}
