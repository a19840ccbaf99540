// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A language model that the reference interpreter runs.

#include "quern/Reference/ReferenceModel.h"
#include "Mismatch.h"
#include "Types.h"
#include "mlir/IR/Diagnostics.h"

using namespace quern;
using namespace quern::reference;

static bool isModelFunction(mlir::FunctionType type) {
  if (type.getNumInputs() != 4 || type.getNumResults() != 1)
    return false;
  auto tokens = llvm::dyn_cast<mlir::RankedTensorType>(type.getInput(0));
  return tokens && tokens.getElementType().isInteger(32) &&
         type.getInput(1).isIndex() && type.getInput(2).isIndex() &&
         llvm::isa<nn::KVCacheType>(type.getInput(3)) &&
         llvm::isa<mlir::RankedTensorType>(type.getResult(0));
}

Result<ReferenceModel>
ReferenceModel::create(mlir::ModuleOp module,
                       std::shared_ptr<const weights::WeightSource> weights,
                       llvm::StringRef entry) {
  auto function = module.lookupSymbol<mlir::func::FuncOp>(entry);
  if (!function)
    return Status::error(StatusCode::NotFound,
                         "the module has no function '" + entry.str() + "'");
  if (!isModelFunction(function.getFunctionType()))
    return mismatch("function '" + entry.str() +
                        "' to be (tokens, index, index, cache) -> logits",
                    textOf(function.getFunctionType()));
  auto store = std::make_unique<WeightStore>();
  if (weights)
    store->bind("model", std::move(weights));
  auto cacheType =
      llvm::cast<nn::KVCacheType>(function.getArgumentTypes().back());
  return ReferenceModel(module, std::move(store), function,
                        makeCache(cacheType));
}

/// "file:line:column: message".
static std::string messageOf(mlir::Diagnostic &diagnostic) {
  std::string text;
  if (auto place =
          llvm::dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation()))
    text = place.getFilename().str() + ":" + std::to_string(place.getLine()) +
           ":" + std::to_string(place.getColumn()) + ": ";
  return text + diagnostic.str();
}

Result<Tensor> ReferenceModel::extend(Span<const int32_t> tokens,
                                      int64_t rows) {
  // Diagnostics of the interpreter become the message of the status.
  std::string messages;
  mlir::ScopedDiagnosticHandler handler(entry.getContext(),
                                        [&](mlir::Diagnostic &diagnostic) {
                                          if (!messages.empty())
                                            messages += "; ";
                                          messages += messageOf(diagnostic);
                                          return mlir::success();
                                        });
  const Value arguments[] = {
      Tensor::ofInts({int64_t(tokens.size())}, {tokens.begin(), tokens.end()}),
      Tensor::ofIndex(position), Tensor::ofIndex(rows), &cache};
  llvm::SmallVector<Value> results;
  if (failed(interpreter.call(entry, arguments, results)))
    return Status::error(StatusCode::InvalidArgument, messages);
  position += int64_t(tokens.size());
  return std::get<Tensor>(results.front());
}

Result<std::vector<float>> ReferenceModel::logits(Span<const int32_t> tokens,
                                                  int64_t rows) {
  reset();
  Result<Tensor> result = extend(tokens, rows);
  if (!result)
    return result.status();
  return std::vector<float>(result->values().begin(), result->values().end());
}

Status ReferenceModel::truncate(int64_t length) {
  if (length < 0 || length > position)
    return mismatch("a length from 0 to " + std::to_string(position),
                    std::to_string(length));
  position = length;
  return Status::ok();
}

Result<Tensor> ReferenceModel::weight(llvm::StringRef name) {
  auto module = entry->getParentOfType<mlir::ModuleOp>();
  auto global = module.lookupSymbol<param::GlobalOp>(name);
  if (!global)
    return Status::error(StatusCode::NotFound,
                         "the module has no weight '" + name.str() + "'");
  return store->loadWhole(global);
}
