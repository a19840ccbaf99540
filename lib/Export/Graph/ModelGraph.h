// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The graph of plain operators that a model becomes in containers of
// graphs, whichever container that is.

#ifndef QUERN_LIB_EXPORT_GRAPH_MODELGRAPH_H
#define QUERN_LIB_EXPORT_GRAPH_MODELGRAPH_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace quern::exporter {

/// Operators on each element.
enum class Elementwise {
  Sqrt,
  Sigmoid,
  Tanh,
  Gelu,
  GeluTanh, ///< its approximation by a hyperbolic tangent
};

/// Operators on pairs of elements; shapes broadcast as NumPy's do.
enum class Pairwise {
  Add,
  Subtract,
  Multiply,
  Divide,
  LessOrEqual,
  Greater,
  And,
};

/// Types of what a graph computes with.
enum class ValueType { Float, Int64, Bool };

/// A graph in the making. Values are known by their names; numbers are f32
/// where nothing else is said.
class ModelGraph {
public:
  using Values = std::vector<std::string>;
  /// An extent is a number, or a name if it may be any.
  using Extents = std::vector<std::variant<int64_t, std::string>>;

  virtual ~ModelGraph() = default;
  /// What the container is called in messages.
  virtual const char *title() const = 0;
  /// Operators from here on are named after `path`, such as /model/norm.
  void enter(const std::string &path) { scope = path; }

  virtual std::string elementwise(Elementwise kind, const std::string &x) = 0;
  virtual std::string pairwise(Pairwise kind, const std::string &a,
                               const std::string &b) = 0;
  std::string add(const std::string &a, const std::string &b) {
    return pairwise(Pairwise::Add, a, b);
  }
  std::string subtract(const std::string &a, const std::string &b) {
    return pairwise(Pairwise::Subtract, a, b);
  }
  std::string multiply(const std::string &a, const std::string &b) {
    return pairwise(Pairwise::Multiply, a, b);
  }
  std::string divide(const std::string &a, const std::string &b) {
    return pairwise(Pairwise::Divide, a, b);
  }
  virtual std::string matmul(const std::string &a, const std::string &b) = 0;
  /// `chosen` where `condition` is true, else `other`.
  virtual std::string select(const std::string &condition,
                             const std::string &chosen,
                             const std::string &other) = 0;
  /// Over the last axis. The mean keeps it, with one element.
  virtual std::string softmax(const std::string &x) = 0;
  virtual std::string mean(const std::string &x) = 0;
  /// Of the last axis; `bias` is empty if there is none.
  virtual std::string layerNorm(const std::string &x, const std::string &weight,
                                const std::string &bias, float eps) = 0;
  /// Cosines and sines [batch, sequence, 1, frequencies] of positions [batch,
  /// sequence] times frequencies, as exact at far positions as at near ones.
  virtual std::pair<std::string, std::string>
  turns(const std::string &positions,
        const std::vector<float> &frequencies) = 0;

  virtual std::string cast(const std::string &value, ValueType type) = 0;
  /// 0 keeps an extent, -1 stands for the rest.
  virtual std::string reshape(const std::string &value,
                              std::vector<int64_t> shape) = 0;
  virtual std::string transpose(const std::string &value,
                                std::vector<int64_t> order) = 0;
  /// Adds extents of one at `axes`.
  virtual std::string unsqueeze(const std::string &value,
                                std::vector<int64_t> axes) = 0;
  /// [begin, end) of the last axis.
  virtual std::string columns(const std::string &value, int64_t begin,
                              int64_t end) = 0;
  /// Side by side along `axis`.
  virtual std::string concat(const Values &values, int64_t axis) = 0;
  /// The extent of one axis, a scalar.
  virtual std::string extent(const std::string &value, int64_t axis) = 0;
  /// The integers [begin, end).
  virtual std::string range(const std::string &begin,
                            const std::string &end) = 0;

  /// Constants, scalars; the same one is there once.
  virtual std::string number(float value) = 0;
  virtual std::string integer(int64_t value) = 0;

  virtual void input(const std::string &name, ValueType type,
                     const Extents &shape) = 0;
  /// Gives `value` the name under which the graph returns it.
  virtual void output(const std::string &name, const std::string &value,
                      ValueType type, const Extents &shape) = 0;

protected:
  /// `name`, with a number behind it if it was there before.
  std::string uniqueName(const std::string &name) {
    std::string unique = name;
    while (!used.insert(unique).second)
      unique = name + "_" + std::to_string(++uses[name]);
    return unique;
  }

  std::string scope;

private:
  std::set<std::string> used;
  std::map<std::string, int64_t> uses; ///< of names, behind the first
};

/// Reads weights in a graph: adds the operators that decode them.
class WeightReader {
public:
  virtual ~WeightReader() = default;
  /// The numbers of a vector.
  virtual std::string vector(const std::string &name) = 0;
  /// `input` times the transpose of a matrix.
  virtual std::string product(const std::string &name,
                              const std::string &input) = 0;
  /// The rows of a matrix with the numbers `indices` [batch, sequence].
  virtual std::string rows(const std::string &name,
                           const std::string &indices) = 0;
};

} // namespace quern::exporter

#endif // QUERN_LIB_EXPORT_GRAPH_MODELGRAPH_H
