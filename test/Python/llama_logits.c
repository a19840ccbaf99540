// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A client of libllama for test_llama_cpp.py: the tokens of a text, or
// the logits of tokens.
//
//   llama_logits MODEL text TEXT         prints ids
//   llama_logits MODEL logits FILE ID... writes [ids, vocabulary] in f32

#include "llama.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  return 1;
}

static int print_tokens(struct llama_model *model, const char *text) {
  llama_token ids[4096];
  int count = llama_tokenize(llama_model_get_vocab(model), text,
                             (int)strlen(text), ids, 4096, true, false);
  if (count < 0)
    return fail("the text has too many tokens");
  for (int i = 0; i < count; ++i)
    printf("%d ", ids[i]);
  return 0;
}

static int write_logits(struct llama_model *model, const char *path,
                        char **words, int count) {
  struct llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = (unsigned)count;
  params.n_threads = params.n_threads_batch = 1;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  struct llama_context *context = llama_init_from_model(model, params);
  if (!context)
    return fail("no context");
  struct llama_batch batch = llama_batch_init(count, 0, 1);
  for (int i = 0; i < count; ++i) {
    batch.token[i] = atoi(words[i]);
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  batch.n_tokens = count;
  if (llama_decode(context, batch) != 0)
    return fail("cannot decode");
  size_t width = (size_t)llama_vocab_n_tokens(llama_model_get_vocab(model));
  FILE *file = fopen(path, "wb");
  for (int i = 0; file && i < count; ++i)
    fwrite(llama_get_logits_ith(context, i), sizeof(float), width, file);
  return !file || fclose(file) != 0 ? fail("cannot write") : 0;
}

int main(int argc, char **argv) {
  if (argc < 4)
    return fail("expects MODEL and what to do");
  llama_backend_init();
  struct llama_model *model =
      llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model)
    return fail("cannot load the model");
  return strcmp(argv[2], "text") == 0
             ? print_tokens(model, argv[3])
             : write_logits(model, argv[3], argv + 4, argc - 4);
}
