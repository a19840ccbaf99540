// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How quantized checkpoints store a weight, as share/checkpoints.txt
// says.

#ifndef QUERN_WEIGHTS_CHECKPOINTS_H
#define QUERN_WEIGHTS_CHECKPOINTS_H

#include "quern/Base/Status.h"
#include "quern/Weights/WeightSource.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quern::weights {

/// The parameters of an entry: numbers, and words that go into texts.
class CheckpointParameters {
public:
  void set(const std::string &name, int64_t number) { numbers[name] = number; }
  void set(const std::string &name, std::string word) {
    words[name] = std::move(word);
  }
  std::optional<int64_t> number(const std::string &name) const;
  /// A word, or a number as text.
  std::optional<std::string> text(const std::string &name) const;

  /// Sets `rows`, `cols`, and what follows from blocks of [blockRows,
  /// blockCols] of such a weight, 0 for a whole axis: `block`, `down` and
  /// `across`.
  void setShape(int64_t rows, int64_t cols, int64_t blockRows,
                int64_t blockCols);
  /// Sets `NAME` to what formats call the float type `dtype`, and `NAME_bits`
  /// to its bits.
  void setType(const std::string &name, DType dtype);

private:
  std::map<std::string, int64_t> numbers;
  std::map<std::string, std::string> words;
};

/// What formats call the float type `dtype`; "" if they do not have it.
std::string floatNameOf(DType dtype);

/// What a tensor of an entry is for.
enum class CheckpointRole {
  Segment,    ///< of the layout
  Constant,   ///< a segment that the container keeps elsewhere
  Groups,     ///< the group of each column
  Shape,      ///< holds the extents of the weight
  Codes,      ///< codes of one value
  Table,      ///< the numbers that codes of a plane stand for
  State,      ///< bitsandbytes' description of the weight
  Activation, ///< not read, not written
  Note,       ///< not read, not written
};

/// A line of an entry, its expressions as they are written.
struct CheckpointTensor {
  std::string suffix;
  std::vector<DType> types; ///< empty: any
  std::string typeName;     ///< the parameter that the type says, or ""
  std::optional<std::vector<std::string>> shape; ///< none: any
  CheckpointRole role = CheckpointRole::Segment;
  std::string segment;
  std::string value;       ///< Codes: an expression; Table: a plane
  bool isOptional = false; ///< Groups: not there where columns lie in order

  /// What the tensor of weight `weight`, such as `x.weight`, is called.
  std::string nameFor(const std::string &weight) const;
};

struct CheckpointCondition {
  std::string parameter;
  std::vector<std::string> values;
};

struct CheckpointEntry {
  std::string name;
  std::vector<CheckpointCondition> conditions;
  std::string format;
  std::vector<CheckpointTensor> tensors;

  bool holdsFor(const CheckpointParameters &parameters) const;
  /// The texts that #qt.format and #qk.layout have between < and >; the
  /// segments of the layout are those of the tensors with role Segment or
  /// Constant, in their order.
  Result<std::string> formatText(const CheckpointParameters &parameters) const;
  Result<std::string> layoutText(const CheckpointParameters &parameters) const;
  /// The shape of `tensor`, one of `tensors` that says one.
  Result<std::vector<int64_t>>
  shapeOf(const CheckpointTensor &tensor,
          const CheckpointParameters &parameters) const;
};

/// Reads the lines of a file such as share/checkpoints.txt. Errors begin with
/// `fileName` and the line.
Result<std::vector<CheckpointEntry>>
parseCheckpoints(const std::string &text, const std::string &fileName);

/// The entries that Quern ships (share/checkpoints.txt, embedded).
const std::vector<CheckpointEntry> &checkpointEntries();

/// The first entry called `name` whose conditions hold; null if there is none.
const CheckpointEntry *
findCheckpointEntry(const std::string &name,
                    const CheckpointParameters &parameters);

/// The value of an expression. Fails if it names what is no number, divides
/// with a rest, or leaves 63 bits.
Result<int64_t> evaluateExpression(const std::string &text,
                                   const CheckpointParameters &parameters);

/// `text` with what stands between < and > put in.
Result<std::string> fillIn(const std::string &text,
                           const CheckpointParameters &parameters);

} // namespace quern::weights

#endif // QUERN_WEIGHTS_CHECKPOINTS_H
