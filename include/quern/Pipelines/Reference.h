// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A model as compileModel would quantize it, run by the reference
// interpreter: what compiled code is tested against.

#ifndef QUERN_PIPELINES_REFERENCE_H
#define QUERN_PIPELINES_REFERENCE_H

#include "quern/Base/Span.h"
#include "quern/Pipelines/Compile.h"
#include <memory>

namespace quern::pipelines {

/// One sequence of tokens and its KV cache. Weights are read at first use and
/// held as binary32.
class ReferenceRun {
public:
  /// Imports and quantizes as compileModel does with the same options, of which
  /// outputPath, target and threads have no effect.
  static Result<ReferenceRun> create(const CompileOptions &options);

  ReferenceRun(ReferenceRun &&);
  ReferenceRun &operator=(ReferenceRun &&);
  ~ReferenceRun();

  /// Words of the vocabulary: the width of a row of logits.
  int64_t vocabulary() const;
  /// Tokens that the sequence holds.
  int64_t length() const;

  /// Appends `tokens`; logits [rows][vocabulary] of the last `rows` of them.
  Result<std::vector<float>> extend(Span<const int32_t> tokens, int64_t rows);
  /// Forgets all but the first `length` tokens. Fails if there are fewer.
  Status truncate(int64_t length);

  /// A weight as the products read it: `values`, row-major, are decoded ones.
  struct Weight {
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  Result<Weight> weight(const std::string &name);

private:
  struct State;
  explicit ReferenceRun(std::unique_ptr<State> state);

  std::unique_ptr<State> state;
};

} // namespace quern::pipelines

#endif // QUERN_PIPELINES_REFERENCE_H
