// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Compiles generated kernels and loads them into this process.

#include "KernelHarness.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "quern/Codegen/CPU/Pipeline.h"
#include "quern/Export/EmitObject.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <dlfcn.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace quern;
using namespace quern::codegen;
using namespace quern::codegen::test;

void test::loadKernelDialects(MLIRContext &context) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect, scf::SCFDialect,
                      LLVM::LLVMDialect, math::MathDialect,
                      vector::VectorDialect>();
}

static Status unavailable(const std::string &text) {
  return Status::error(StatusCode::Unsupported, text);
}

static Result<std::string> temporaryFile(const char *suffix) {
  llvm::SmallString<128> path;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("quern-kernel", suffix, path))
    return unavailable("no temporary file: " + error.message());
  return std::string(path);
}

/// The assembly file that QUERN_KERNEL_ASSEMBLY=folder asks for, or "".
static std::string assemblyFile(const CpuTarget &target,
                                const std::vector<KernelSource> &sources) {
  const char *folder = std::getenv("QUERN_KERNEL_ASSEMBLY");
  if (!folder)
    return "";
  return std::string(folder) + "/" + sources.front().name + "." + target.isa +
         ".s";
}

/// Makes LLVM replace tile instructions, which it does only at -O0.
static void useLoopsForTiles(ModuleOp module) {
  llvm::cl::Option *option =
      llvm::cl::getRegisteredOptions().lookup("enable-x86-scalar-amx");
  ASSERT_NE(option, nullptr);
  ASSERT_FALSE(option->addOccurrence(0, "enable-x86-scalar-amx", "true"));
  module.walk([](LLVM::LLVMFuncOp function) {
    function.setNoInline(true);
    function.setOptimizeNone(true);
  });
}

/// Writes the object of `sources` to `object`, and its assembly text to
/// `assembly` if that is not empty.
static Status compileObject(const CpuTarget &target,
                            const std::vector<KernelSource> &sources,
                            const std::string &object,
                            const std::string &assembly,
                            Tiles tiles = Tiles::Native) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  Location loc = UnknownLoc::get(&context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  KernelBuilder builder(loc, *module, target);
  for (const KernelSource &source : sources) {
    if (Status status = source.emit(builder); !status)
      return status.withContext(source.name);
    auto function = module->lookupSymbol<func::FuncOp>(source.name);
    function.setPublic();
    function->removeAttr("llvm.linkage"); // builders make them internal
  }
  PassManager passes(&context);
  buildLowerToLlvmPipeline(passes);
  if (failed(passes.run(*module)))
    return unavailable("lowering failed");
  if (tiles == Tiles::Loops)
    useLoopsForTiles(*module);
  return exporter::emitObject(
      *module,
      {targetTriple(target.architecture), target.llvmCpu, target.llvmFeatures},
      object, assembly);
}

Status test::compileLibrary(const CpuTarget &target,
                            const std::vector<KernelSource> &sources,
                            const std::string &library, Tiles tiles) {
  Result<std::string> object = temporaryFile("o");
  if (!object)
    return object.status();
  std::vector<std::string> names;
  for (const KernelSource &source : sources)
    names.push_back(source.name);
  Status status = compileObject(target, sources, *object,
                                assemblyFile(target, sources), tiles);
  if (status.isOk())
    status = exporter::linkSharedObject({*object}, names, library);
  (void)llvm::sys::fs::remove(*object);
  return status;
}

Result<std::string>
test::compileToAssembly(const CpuTarget &target,
                        const std::vector<KernelSource> &sources) {
  Result<std::string> object = temporaryFile("o"), text = temporaryFile("s");
  if (!object || !text)
    return unavailable("no temporary files");
  Status status = compileObject(target, sources, *object, *text);
  auto buffer = llvm::MemoryBuffer::getFile(*text);
  (void)llvm::sys::fs::remove(*object);
  (void)llvm::sys::fs::remove(*text);
  if (!status)
    return status;
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

Result<std::shared_ptr<KernelLibrary>>
KernelLibrary::create(const CpuTarget &target,
                      const std::vector<KernelSource> &sources, Tiles tiles) {
  auto library = std::make_shared<KernelLibrary>();
  Result<std::string> path = temporaryFile("so");
  if (!path)
    return path.status();
  library->path = *path;
  if (Status status = compileLibrary(target, sources, *path, tiles); !status)
    return status;
  library->handle = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library->handle)
    return unavailable(dlerror());
  return library;
}

KernelLibrary::~KernelLibrary() {
  if (handle)
    dlclose(handle);
  (void)llvm::sys::fs::remove(path);
}

void *KernelLibrary::entry(const std::string &name) const {
  void *found = dlsym(handle, name.c_str());
  EXPECT_NE(found, nullptr) << name;
  return found;
}

std::vector<const CpuTarget *> test::runnableTargets() {
  std::vector<const CpuTarget *> targets;
  for (const CpuTarget &target : cpuTargets())
    if (runsHere(target))
      targets.push_back(&target);
  return targets;
}

std::vector<TargetLibrary>
test::compileForAllTargets(const std::vector<KernelSource> &sources) {
  std::vector<TargetLibrary> libraries;
  for (const CpuTarget *target : runnableTargets()) {
    auto library = KernelLibrary::create(*target, sources);
    EXPECT_TRUE(library.isOk())
        << target->isa << ": " << library.status().message();
    if (library)
      libraries.push_back({target, *library});
  }
  return libraries;
}
