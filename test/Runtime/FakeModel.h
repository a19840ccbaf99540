/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file A model written by hand, small enough to check its logits with pencil
 * and paper. It stands where generated code stands: beside the runtime.
 *
 * The value of token id t is table[t] + big[251 * t]; the cache holds one value
 * for each token. The logit v of the token at position p is the sum over
 * q <= p of value(q) * (1 + (7 * q + v) mod 13). All sums are integers below
 * 2^24, so that floats hold them exactly in any order.
 */
#ifndef QUERN_TEST_RUNTIME_FAKEMODEL_H
#define QUERN_TEST_RUNTIME_FAKEMODEL_H

#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  kFakeVocabulary = 32,
  kFakeChunk = 8,
  kFakeContext = 1000, /* not a multiple of 16 */
  kFakeDataOffset = 4096,
  kFakeTableBytes = kFakeVocabulary,
  kFakeBigOffset = 4096, /* in the data section */
  kFakeBigBytes = 8192,
  kFakeFileBytes = kFakeDataOffset + kFakeBigOffset + kFakeBigBytes,
  /* This token makes each worker meet the others at barriers until the run is
   * cancelled. Its value is 0. */
  kFakeEndlessToken = 31,
  kFakeKernels = 3 /* that forward marks */
};

/* Byte i of the model's weights file, 0 <= i < kFakeFileBytes. */
uint8_t fakeWeightsByte(int64_t i);

/* Writes the weights file; 0 on success. */
int writeFakeWeights(const char *path);

/* Writes the logits of the last of `count` tokens into logits[kFakeVocabulary]:
 * the definition above, without cache, chunks or threads. */
void computeFakeLogits(const int32_t *tokens, int64_t count, float *logits);

#ifdef __cplusplus
}
#endif

#endif /* QUERN_TEST_RUNTIME_FAKEMODEL_H */
