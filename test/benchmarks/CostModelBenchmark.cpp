// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Cycles of linear kernels as the cost model predicts them, beside those
// that this machine takes.
//
// For each instruction set that the machine runs: a table, and a line with the
// median of measured / predicted, the rank correlation, and the rows whose
// ratio is more than a factor of two off that median. Weights and activations
// lie in the first-level cache. What a machine shares with others slows all
// kernels alike, which is why rows are held against the median. The model
// serves to choose between two kernels of one processor, so that a median other
// than one does no harm, and a row off the median may.

#include "CycleCounter.h"
#include "LinearProblem.h"
#include <algorithm>
#include <cstdio>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

constexpr int64_t kDepth = 256, kColumns = 64;
constexpr double kSteps = double(kDepth * kColumns) / 64; ///< of 64 codes
constexpr double kMostOff = 2;
/// The fewest cycles of rounds that lie apart count: others use the machine.
constexpr int kRounds = 150, kCallsOfRound = 40;

struct Case {
  const char *format;
  ActivationRow::Kind input;
  int64_t M;
};

// Without plain bytes for one row: its sums wait for each other, and latency is
// what the model leaves out.
const Case kCases[] = {
    {"f16", kF32, 1},         {"int8_channel", kF32, 1},
    {"q6_k", kF32, 1},        {"fp8_channel", kF32, 1},
    {"nf4", kF32, 1},         {"iq3_xxs", kF32, 1},
    {"q4_0", kInt8, 1},       {"q4_k", kInt8, 1},
    {"q6_k", kInt8, 1},       {"iq4_nl", kInt8, 1},
    {"iq3_xxs", kInt8, 1},    {"iq2_xs", kInt8, 1},
    {"mxfp6_e2m3", kInt8, 1}, {"int8_g32", kInt8, 16},
    {"int4_g128", kInt8, 16}, {"iq3_xxs", kInt8, 16},
    {"nf4", kF32, 16},        {"fp8_channel", kF32, 16},
};

struct Row {
  const Case *what;
  LinearProblem problem;
  std::shared_ptr<KernelLibrary> library;
  KernelCost cost;
  double predicted = 0, measured = 1e30; ///< cycles of 64 codes
  double ratio() const { return measured / predicted; }
};

/// Rows with predictions, and kernels to measure.
Result<std::vector<Row>> predictAll(const CpuTarget &target) {
  std::vector<Row> rows;
  for (const Case &c : kCases) {
    int64_t group = c.input == kInt8 ? 32 : 0;
    Row row{&c,
            LinearProblem::create(c.format, {c.input, kDepth, group}, c.M,
                                  kColumns, 1),
            nullptr,
            {}};
    auto library = KernelLibrary::create(target, {row.problem.source(target)});
    if (!library)
      return library.status().withContext(c.format);
    row.library = *library;
    row.cost = row.problem.predict(target, operationCosts(target));
    row.predicted = row.cost.all().total() / kSteps;
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Runs every kernel for a while and keeps the fewest cycles.
void measureOnce(std::vector<Row> &rows) {
  for (Row &row : rows) {
    const LinearProblem &p = row.problem;
    auto kernel = row.library->lookup<LinearProblem::Function>("linear");
    std::vector<float> y(p.M * p.N);
    auto run = [&] {
      p.call(kernel, p.weights.data(), y.data(), nullptr, 4 * p.N, 1);
    };
    row.measured =
        std::min(row.measured, fewestCycles(run, kCallsOfRound) / kSteps);
  }
}

const char *inputName(const Row &row) {
  return row.what->input == kInt8 ? "int8" : "f32";
}

void printTable(const CpuTarget &target, const std::vector<Row> &rows) {
  std::printf("%-10s %-13s %-5s %3s  decode  scale product  predicted measured "
              " ratio\n",
              "isa", "format", "input", "M");
  for (const Row &row : rows)
    std::printf("%-10s %-13s %-5s %3d  %6.2f %6.2f %7.2f  %9.2f %8.2f %6.2f\n",
                target.isa.c_str(), row.what->format, inputName(row),
                int(row.what->M), row.cost.decode.total() / kSteps,
                row.cost.scale.total() / kSteps,
                row.cost.product.total() / kSteps, row.predicted, row.measured,
                row.ratio());
}

double medianRatio(const std::vector<Row> &rows) {
  std::vector<double> ratios;
  for (const Row &row : rows)
    ratios.push_back(row.ratio());
  std::sort(ratios.begin(), ratios.end());
  return ratios[ratios.size() / 2];
}

/// Places of `values` in their order.
std::vector<double> ranks(const std::vector<double> &values) {
  std::vector<double> result;
  for (double x : values)
    result.push_back(double(std::count_if(values.begin(), values.end(),
                                          [&](double y) { return y < x; })));
  return result;
}

/// Spearman's: the correlation of ranks.
double rankCorrelation(const std::vector<Row> &rows) {
  std::vector<double> predicted, measured;
  for (const Row &row : rows) {
    predicted.push_back(row.predicted);
    measured.push_back(row.measured);
  }
  std::vector<double> a = ranks(predicted), b = ranks(measured);
  double n = double(rows.size()), sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (a[i] - b[i]) * (a[i] - b[i]);
  return 1 - 6 * sum / (n * (n * n - 1));
}

void printSummary(const CpuTarget &target, const std::vector<Row> &rows) {
  double median = medianRatio(rows);
  std::printf("%s: median measured / predicted %.2f, rank correlation %.3f, "
              "more than %g times off the median:",
              target.isa.c_str(), median, rankCorrelation(rows), kMostOff);
  const char *separator = " ";
  for (const Row &row : rows)
    if (double x = row.ratio() / median; x < 1 / kMostOff || x > kMostOff) {
      std::printf("%s%s %s M=%d (%.2f)", separator, row.what->format,
                  inputName(row), int(row.what->M), x);
      separator = ", ";
    }
  std::printf("%s\n\n", *separator == ' ' ? " none" : "");
}

Status report(const CpuTarget &target) {
  Result<std::vector<Row>> rows = predictAll(target);
  if (!rows)
    return rows.status().withContext(target.isa);
  for (int round = 0; round < kRounds; ++round)
    measureOnce(*rows);
  printTable(target, *rows);
  printSummary(target, *rows);
  return Status::ok();
}

} // namespace

int main() {
  if (std::string why = whyNoCycles(); !why.empty()) {
    std::fprintf(stderr, "quern-cost-benchmark: %s\n", why.c_str());
    return 1;
  }
  for (const CpuTarget *target : runnableTargets())
    if (Status status = report(*target); !status) {
      std::fprintf(stderr, "quern-cost-benchmark: %s\n",
                   status.message().c_str());
      return 1;
    }
  return 0;
}
