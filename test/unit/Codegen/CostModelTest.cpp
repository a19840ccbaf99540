// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Predicted cycles of linear kernels beside measured ones.
//
// Weights and activations lie in the first-level cache. What a machine shares
// with others slows all kernels alike, so that each ratio of measured to
// predicted cycles is compared with their median, which has bounds of its own.

#include "quern/Codegen/CPU/CostModel.h"
#include "CycleCounter.h"
#include "LinearProblem.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

namespace {

constexpr int64_t kDepth = 256, kColumns = 64;
constexpr double kSteps = double(kDepth * kColumns) / 64; ///< of 64 codes

/// What the model leaves out may double or halve a time, not more.
constexpr double kMostOff = 2, kMedianFrom = 0.7, kMedianTo = 2;
constexpr double kLeastRankCorrelation = 0.9;

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
  std::shared_ptr<const LinearProblem> problem;
  std::shared_ptr<KernelLibrary> library;
  KernelCost cost;
  double predicted = 0, measured = 1e30; ///< cycles of 64 codes
  double ratio() const { return measured / predicted; }
};

LinearProblem problemOf(const Case &c) {
  int64_t group = c.input == kInt8 ? 32 : 0;
  return LinearProblem::create(c.format, {c.input, kDepth, group}, c.M,
                               kColumns, 1);
}

/// Cycles of a call, by `costs` of operations.
KernelCost predict(const LinearProblem &p, const CpuTarget &target,
                   const OperationCosts &costs) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                      mlir::scf::SCFDialect, mlir::LLVM::LLVMDialect,
                      mlir::math::MathDialect, mlir::vector::VectorDialect>();
  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  KernelBuilder b(loc, *module, target);
  KernelSource source = p.source(target);
  Status status = source.emit(b);
  EXPECT_TRUE(status.isOk()) << status.message();
  // Bytes between rows of y, M, N, worker, workers.
  return predictCost(module->lookupSymbol<mlir::func::FuncOp>(source.name),
                     {4 * p.N, p.M, p.N, 0, 1}, costs);
}

/// Rows with predictions, and kernels to measure.
std::vector<Row> predictAll(const CpuTarget &target) {
  std::vector<Row> rows;
  for (const Case &c : kCases) {
    auto problem = std::make_shared<const LinearProblem>(problemOf(c));
    auto library = KernelLibrary::create(target, {problem->source(target)});
    EXPECT_TRUE(library.isOk()) << library.status().message();
    if (!library)
      continue;
    Row row{&c, problem, *library,
            predict(*problem, target, operationCosts(target))};
    row.predicted = row.cost.all().total() / kSteps;
    rows.push_back(row);
  }
  return rows;
}

/// Runs every kernel for a while and keeps the fewest cycles.
void measureOnce(std::vector<Row> &rows) {
  for (Row &row : rows) {
    const LinearProblem &p = *row.problem;
    auto kernel = row.library->lookup<LinearProblem::Function>("linear");
    std::vector<float> y(p.M * p.N);
    auto run = [&] {
      p.call(kernel, p.weights.data(), y.data(), nullptr, 4 * p.N, 1);
    };
    row.measured = std::min(row.measured, fewestCycles(run, 40) / kSteps);
  }
}

void print(const CpuTarget &target, const std::vector<Row> &rows) {
  std::printf("%-9s %-13s %-5s %3s  decode scale product  predicted measured\n",
              "isa", "format", "input", "M");
  for (const Row &row : rows)
    std::printf("%-9s %-13s %-5s %3d  %6.2f %5.2f %7.2f  %9.2f %8.2f\n",
                target.isa.c_str(), row.what->format,
                row.what->input == kInt8 ? "int8" : "f32", int(row.what->M),
                row.cost.decode.total() / kSteps,
                row.cost.scale.total() / kSteps,
                row.cost.product.total() / kSteps, row.predicted, row.measured);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
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

/// What is wrong with predictions: one line each.
std::vector<std::string> complaints(const std::vector<Row> &rows) {
  std::vector<std::string> result;
  std::vector<double> ratios;
  for (const Row &row : rows)
    ratios.push_back(row.ratio());
  double middle = median(ratios), correlation = rankCorrelation(rows);
  if (middle < kMedianFrom || middle > kMedianTo)
    result.push_back("median " + std::to_string(middle));
  if (correlation < kLeastRankCorrelation)
    result.push_back("rank correlation " + std::to_string(correlation));
  for (const Row &row : rows)
    if (double x = row.ratio() / middle; x < 1 / kMostOff || x > kMostOff)
      result.push_back(row.what->format + std::string(" ratio ") +
                       std::to_string(x) + " of the median");
  return result;
}

/// The same measurements beside what other costs of operations predict.
std::vector<Row> predictedBy(const OperationCosts &costs,
                             const CpuTarget &target, std::vector<Row> rows) {
  for (Row &row : rows)
    row.predicted = predict(*row.problem, target, costs).all().total() / kSteps;
  return rows;
}

/// The measurements tell right costs from wrong ones.
void expectToFindWrongCosts(const CpuTarget &target,
                            const std::vector<Row> &rows) {
  using Costs = OperationCosts;
  const std::vector<std::vector<double Costs::*>> operations = {
      {&Costs::simple},
      {&Costs::floats, &Costs::dot},
      {&Costs::gather, &Costs::gatherVector, &Costs::multiply}};
  for (size_t i = 0; i < operations.size(); ++i) {
    Costs wrong = operationCosts(target);
    for (double Costs::*operation : operations[i])
      wrong.*operation *= 3;
    EXPECT_NE(complaints(predictedBy(wrong, target, rows)),
              std::vector<std::string>())
        << "wrong costs " << i;
  }
}

class CostModel : public testing::TestWithParam<const char *> {};

TEST_P(CostModel, IsNearMeasuredCycles) {
  if (std::string why = whyNoCycles(); !why.empty())
    GTEST_SKIP() << why;
  const CpuTarget &target = *lookupCpuTarget(GetParam());
  if (!runsHere(target))
    GTEST_SKIP() << "no " << target.isa;
  std::vector<Row> rows = predictAll(target);
  // The fewest cycles of rounds that lie apart: others use the machine as well.
  // More rounds can only take away what others added.
  constexpr int kRounds = 20, kMostRounds = 400;
  for (int round = 0; round < kMostRounds; ++round) {
    measureOnce(rows);
    if (round >= kRounds && complaints(rows).empty())
      break;
  }
  print(target, rows);
  EXPECT_EQ(complaints(rows), std::vector<std::string>());
  expectToFindWrongCosts(target, rows);
}

INSTANTIATE_TEST_SUITE_P(Sets, CostModel,
                         testing::Values("avx512", "avx2", "portable"));

} // namespace
