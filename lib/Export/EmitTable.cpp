// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The object that joins generated code, weights file and runtime.

#include "quern/Export/EmitTable.h"

#include "ObjectFile.h"
#include "quern/Export/EmitObject.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

using namespace quern;
using namespace quern::exporter;

namespace {
/// Builds constants of a module; every struct is made of 8-byte fields.
class TableBuilder {
public:
  explicit TableBuilder(llvm::Module &module)
      : module(module), i64(llvm::Type::getInt64Ty(module.getContext())),
        pointer(llvm::PointerType::getUnqual(module.getContext())) {}

  llvm::Constant *number(uint64_t x) { return llvm::ConstantInt::get(i64, x); }

  llvm::Constant *text(llvm::StringRef value) {
    return define(
        "", llvm::ConstantDataArray::getString(module.getContext(), value));
  }

  /// Address of `void name(ptr, i64)`, which another object defines.
  llvm::Constant *function(const std::string &name) {
    auto *type = llvm::FunctionType::get(
        llvm::Type::getVoidTy(module.getContext()), {pointer, i64}, false);
    return llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                  name, module);
  }

  llvm::Constant *record(llvm::ArrayRef<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(module.getContext(), fields);
  }

  /// Address of an array of `items`; null if there are none.
  llvm::Constant *array(llvm::ArrayRef<llvm::Constant *> items) {
    if (items.empty())
      return llvm::ConstantPointerNull::get(pointer);
    auto *type = llvm::ArrayType::get(items.front()->getType(), items.size());
    return define("", llvm::ConstantArray::get(type, items));
  }

  /// A constant global: private without a name, else visible to the linker.
  llvm::GlobalVariable *define(const std::string &name, llvm::Constant *value) {
    auto *global = new llvm::GlobalVariable(
        module, value->getType(), /*isConstant=*/true,
        name.empty() ? llvm::GlobalValue::PrivateLinkage
                     : llvm::GlobalValue::ExternalLinkage,
        value, name.empty() ? "t" : name);
    global->setAlignment(llvm::Align(8));
    return global;
  }

private:
  llvm::Module &module;
  llvm::Type *i64;
  llvm::PointerType *pointer;
};
} // namespace

static void defineTable(llvm::Module &module, const ModelTable &table) {
  TableBuilder t(module);
  std::vector<llvm::Constant *> variants, tensors, offsets;
  for (const VariantRecord &variant : table.variants)
    variants.push_back(
        t.record({t.text(variant.isa), t.number(variant.requiredFeatures),
                  t.function("quern_forward_" + variant.isa),
                  t.text(variant.kernels), t.number(variant.kernelCount)}));
  for (const artifact::TensorRecord &tensor : table.weights.tensors) {
    tensors.push_back(
        t.record({t.text(tensor.name), t.number(tensor.offset),
                  t.number(tensor.bytes), t.number(tensor.hash)}));
    offsets.push_back(t.number(tensor.offset));
  }
  // Field order of quern_model_table.
  t.define(
      "quern_generated_model",
      t.record({t.number(2), t.text(table.description), t.array(variants),
                t.number(variants.size()), t.array(tensors),
                t.number(tensors.size()), t.number(table.weights.fileBytes),
                t.number(table.weights.headerHash),
                t.number(table.weights.dataOffset), t.number(table.arenaBytes),
                t.number(table.scratchBytes),
                t.number(table.scratchBytesPerToken),
                t.number(table.cacheBytesPerToken), t.number(table.maxChunk),
                t.number(table.maxContext), t.number(table.vocabulary)}));
  auto *type = llvm::ArrayType::get(llvm::Type::getInt64Ty(module.getContext()),
                                    offsets.size());
  t.define("quern_tensor_offsets", llvm::ConstantArray::get(type, offsets));
}

Status exporter::emitTable(const ModelTable &table, const std::string &path) {
  llvm::LLVMContext context;
  llvm::Module module("quern-table", context);
  Result<std::unique_ptr<llvm::TargetMachine>> machine =
      createMachine({table.triple, /*cpu=*/"", /*features=*/""});
  if (!machine)
    return machine.status();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  defineTable(module, table);
  return writeMachineCode(module, **machine, path,
                          llvm::CodeGenFileType::ObjectFile);
}
