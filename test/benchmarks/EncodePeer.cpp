// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Error and speed of the encoders beside ggml's, on the same tensors in
// the same run.
//
//   quern-encode-peer LIBGGML-BASE.SO [--threads N] [--only FORMAT] MODEL…
//
// MODEL is a safetensors file or folder, or `normal`, `student` (four degrees
// of freedom) or `laplace` for a synthetic matrix. All matrices of a model
// whose width is a multiple of 256 are coded. Prints a Markdown table: squared
// errors of both sides over the whole model, their ratio, the largest ratio of
// a single matrix, GB/s of f32 read, and how many times faster we are by the
// clock and by CPU time, which other work on the machine disturbs less.

#include "quern/Numerics/EncodeTensor.h"
#include "quern/Weights/Registry.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <functional>
#include <random>
#include <thread>

using namespace quern;
using namespace quern::numerics;

namespace {
struct Tensor {
  int64_t rows, cols;
  std::vector<float> values;
  std::vector<float> importance; ///< one a column
};

/// A format that both sides have: our name, ggml's type and block.
struct Peer {
  const char *name;
  int type;
  int64_t block, blockBytes;
  const char *decoder;
};

const Peer kPeers[] = {
    {"q4_0", 2, 32, 18, "dequantize_row_q4_0"},
    {"q4_1", 3, 32, 20, "dequantize_row_q4_1"},
    {"q5_0", 6, 32, 22, "dequantize_row_q5_0"},
    {"q5_1", 7, 32, 24, "dequantize_row_q5_1"},
    {"q8_0", 8, 32, 34, "dequantize_row_q8_0"},
    {"q2_k", 10, 256, 84, "dequantize_row_q2_K"},
    {"q3_k", 11, 256, 110, "dequantize_row_q3_K"},
    {"q4_k", 12, 256, 144, "dequantize_row_q4_K"},
    {"q5_k", 13, 256, 176, "dequantize_row_q5_K"},
    {"q6_k", 14, 256, 210, "dequantize_row_q6_K"},
    {"iq4_nl", 20, 32, 18, "dequantize_row_iq4_nl"},
    {"iq4_xs", 23, 256, 136, "dequantize_row_iq4_xs"},
    {"iq2_xxs", 16, 256, 66, "dequantize_row_iq2_xxs"},
    {"iq2_xs", 17, 256, 74, "dequantize_row_iq2_xs"},
    {"iq2_s", 22, 256, 82, "dequantize_row_iq2_s"},
    {"iq3_xxs", 18, 256, 98, "dequantize_row_iq3_xxs"},
    {"iq3_s", 21, 256, 110, "dequantize_row_iq3_s"},
    {"iq1_s", 19, 256, 50, "dequantize_row_iq1_s"},
    {"iq1_m", 29, 256, 56, "dequantize_row_iq1_m"},
    {"tq1_0", 34, 256, 54, "dequantize_row_tq1_0"},
    {"tq2_0", 35, 256, 66, "dequantize_row_tq2_0"},
    {"mxfp4", 39, 32, 17, "dequantize_row_mxfp4"},
    {"nvfp4", 40, 64, 36, "dequantize_row_nvfp4"},
    {"q1_0", 41, 128, 18, "dequantize_row_q1_0"},
    {"q2_0", 42, 64, 18, "dequantize_row_q2_0"},
};

/// The functions of a libggml-base.so.
struct Library {
  using Quantize = size_t (*)(int, const float *, void *, int64_t, int64_t,
                              int64_t, const float *);
  using Init = void (*)(int);
  using NeedsWeights = bool (*)(int);
  using Decode = void (*)(const void *, float *, int64_t);
  void *handle;
  Quantize quantize;
  Init init;
  NeedsWeights needsWeights;

  explicit Library(const char *path) : handle(dlopen(path, RTLD_NOW)) {
    if (!handle) {
      std::fprintf(stderr, "quern-encode-peer: %s\n", dlerror());
      std::exit(1);
    }
    quantize = find<Quantize>("ggml_quantize_chunk");
    init = find<Init>("ggml_quantize_init");
    needsWeights = find<NeedsWeights>("ggml_quantize_requires_imatrix");
  }
  template <class F> F find(const char *name) const {
    void *symbol = dlsym(handle, name);
    if (!symbol) {
      std::fprintf(stderr, "quern-encode-peer: %s\n", dlerror());
      std::exit(1);
    }
    return reinterpret_cast<F>(symbol);
  }
};

/// Seconds on the clock and of all cores.
struct Seconds {
  double wall = 0, cpu = 0;
};

/// Of one side over all tensors of a model.
struct Outcome {
  std::vector<double> errors;     ///< a tensor
  std::vector<Seconds> rounds{3}; ///< over all tensors
  double gigabytes = 0;

  Seconds median() const {
    std::vector<double> wall, cpu;
    for (const Seconds &round : rounds) {
      wall.push_back(round.wall);
      cpu.push_back(round.cpu);
    }
    std::sort(wall.begin(), wall.end());
    std::sort(cpu.begin(), cpu.end());
    return {wall[wall.size() / 2], cpu[cpu.size() / 2]};
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static void addImportance(Tensor &tensor, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  tensor.importance.resize(size_t(tensor.cols));
  for (float &w : tensor.importance)
    w = std::exp(normal(random));
}

static Tensor synthetic(const std::string &kind) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::student_t_distribution<float> student(4);
  std::exponential_distribution<float> exponential;
  Tensor tensor = {1024, 2048, std::vector<float>(1024 * 2048), {}};
  for (float &x : tensor.values) {
    if (kind == "normal")
      x = normal(random);
    else if (kind == "student")
      x = student(random);
    else
      x = exponential(random) * (random() & 1 ? 1.0f : -1.0f);
    x *= 0.02f;
  }
  addImportance(tensor, random);
  return tensor;
}

static std::vector<Tensor> tensorsOf(const std::string &model) {
  if (model == "normal" || model == "student" || model == "laplace")
    return {synthetic(model)};
  auto source = weights::openWeights(model);
  if (!source) {
    std::fprintf(stderr, "%s\n", source.status().message().c_str());
    std::exit(1);
  }
  std::mt19937 random(7);
  std::vector<Tensor> tensors;
  for (const weights::TensorInfo &info : (*source)->tensors()) {
    if (info.shape.size() != 2 || info.columns() % 256 != 0)
      continue;
    Tensor tensor = {info.rows(), info.columns(), {}, {}};
    tensor.values.resize(size_t(tensor.rows * tensor.cols));
    if (Status s = weights::readRowsAsFloat(**source, info.name, 0, tensor.rows,
                                            Span<float>(tensor.values));
        !s)
      continue;
    addImportance(tensor, random);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

//===----------------------------------------------------------------------===//
// Both sides
//===----------------------------------------------------------------------===//

static double errorOf(const Tensor &tensor, const std::vector<float> &decoded,
                      bool weighted) {
  double sum = 0;
  for (size_t i = 0; i < decoded.size(); ++i) {
    double rest = double(tensor.values[i]) - double(decoded[i]);
    double w = weighted ? tensor.importance[i % size_t(tensor.cols)] : 1;
    sum += w * rest * rest;
  }
  return sum;
}

static void addSeconds(Seconds &sum, const std::function<void()> &work) {
  auto begin = std::chrono::steady_clock::now();
  std::clock_t cpu = std::clock();
  work();
  std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  sum.wall += wall.count();
  sum.cpu += double(std::clock() - cpu) / CLOCKS_PER_SEC;
}

static std::vector<uint8_t> encodeByPeer(const Library &library,
                                         const Peer &peer, const Tensor &tensor,
                                         bool weighted, unsigned threads) {
  std::vector<uint8_t> bytes(tensor.values.size() / size_t(peer.block) *
                             size_t(peer.blockBytes));
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      int64_t begin = tensor.rows * t / threads;
      int64_t end = tensor.rows * (t + 1) / threads;
      library.quantize(peer.type, tensor.values.data(), bytes.data(),
                       begin * tensor.cols, end - begin, tensor.cols,
                       weighted ? tensor.importance.data() : nullptr);
    });
  for (std::thread &worker : workers)
    worker.join();
  return bytes;
}

static CodedTensor encodeByUs(const Format &format, Solver solver,
                              const Tensor &tensor, bool weighted,
                              unsigned threads) {
  EncodeOptions options;
  options.solver = solver;
  options.threads = threads;
  if (weighted)
    options.columnWeights = tensor.importance;
  auto coded =
      encodeRows(format, tensor.values, tensor.rows, tensor.cols, options);
  if (!coded) {
    std::fprintf(stderr, "%s\n", coded.status().message().c_str());
    std::exit(1);
  }
  return std::move(*coded);
}

/// Both sides on each tensor in turn, three rounds.
static void compare(const Library &library, const Peer &peer,
                    const Format &format, Solver solver,
                    const std::vector<Tensor> &tensors, bool weighted,
                    unsigned threads, Outcome &ours, Outcome &theirs) {
  auto decode = library.find<Library::Decode>(peer.decoder);
  for (size_t round = 0; round < ours.rounds.size(); ++round)
    for (const Tensor &tensor : tensors) {
      CodedTensor coded;
      std::vector<uint8_t> peerBytes;
      addSeconds(ours.rounds[round], [&] {
        coded = encodeByUs(format, solver, tensor, weighted, threads);
      });
      addSeconds(theirs.rounds[round], [&] {
        peerBytes = encodeByPeer(library, peer, tensor, weighted, threads);
      });
      if (round != 0)
        continue;
      ours.gigabytes += double(tensor.values.size()) * 4e-9;
      std::vector<float> decoded(tensor.values.size());
      decode(peerBytes.data(), decoded.data(), int64_t(decoded.size()));
      theirs.errors.push_back(errorOf(tensor, decoded, weighted));
      ours.errors.push_back(
          errorOf(tensor, decodeRows(format, coded), weighted));
    }
}

static void printRow(const std::string &model, const Peer &peer, Solver solver,
                     bool weighted, const Outcome &ours,
                     const Outcome &theirs) {
  double mine = 0, other = 0, worst = 0;
  for (size_t i = 0; i < ours.errors.size(); ++i) {
    mine += ours.errors[i];
    other += theirs.errors[i];
    worst = std::max(worst, ours.errors[i] / theirs.errors[i]);
  }
  Seconds our = ours.median(), their = theirs.median();
  std::printf("| %s | `%s` | %s%s | %.5g | %.5g | %.4f | %.4f | %.3f | %.3f | "
              "%.2f | %.2f |\n",
              model.c_str(), peer.name, solver == Solver::Mse ? "mse" : "rtn",
              weighted ? ", weighted" : "", mine, other, mine / other, worst,
              ours.gigabytes / our.wall, ours.gigabytes / their.wall,
              their.wall / our.wall, their.cpu / our.cpu);
  std::fflush(stdout);
}

static void compareModel(const Library &library, const std::string &path,
                         const std::string &only, unsigned threads) {
  std::vector<Tensor> tensors = tensorsOf(path);
  size_t slash = path.find_last_of('/');
  std::string model =
      slash == std::string::npos ? path : path.substr(slash + 1);
  for (const Peer &peer : kPeers) {
    const Format *format = FormatRegistry::builtin().lookup(peer.name);
    if (!format || (!only.empty() && only != peer.name))
      continue;
    library.init(peer.type);
    for (Solver solver : {Solver::Plain, Solver::Mse})
      for (bool weighted : {false, true}) {
        if (solver == Solver::Plain && weighted)
          continue; // the rule of a format knows no weights
        if (!weighted && library.needsWeights(peer.type))
          continue;
        Outcome ours, theirs;
        compare(library, peer, *format, solver, tensors, weighted, threads,
                ours, theirs);
        printRow(model, peer, solver, weighted, ours, theirs);
      }
  }
}

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "expects LIBGGML-BASE.SO [--threads N] "
                         "[--only FORMAT] MODEL…\n");
    return 1;
  }
  Library library(argv[1]);
  unsigned threads = 2;
  std::string only;
  std::printf("| model | format | solver | error | ggml | ratio | worst | GB/s "
              "| ggml | faster | faster, CPU time |\n"
              "|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
      threads = unsigned(std::atoi(argv[++i]));
    else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc)
      only = argv[++i];
    else
      compareModel(library, argv[i], only, threads);
  }
  return 0;
}
