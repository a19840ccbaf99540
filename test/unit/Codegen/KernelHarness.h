// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file Compiles generated kernels and loads them into this process.

#ifndef QUERN_TEST_UNIT_CODEGEN_KERNELHARNESS_H
#define QUERN_TEST_UNIT_CODEGEN_KERNELHARNESS_H

#include "quern/Codegen/CPU/KernelBuilder.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace quern::codegen::test {

/// Loads the dialects that kernels are built of.
void loadKernelDialects(mlir::MLIRContext &context);

/// A kernel's name and what emits it.
struct KernelSource {
  std::string name;
  std::function<Status(KernelBuilder &)> emit;
};

/// What becomes of tile instructions: themselves, or LLVM's loops in their
/// place, which run without AMX (slowly, in functions that are not optimised).
enum class Tiles { Native, Loops };

/// A loaded shared object of kernels.
class KernelLibrary {
public:
  /// Builds one module of all `sources`, compiles it for `target` and loads it.
  static Result<std::shared_ptr<KernelLibrary>>
  create(const CpuTarget &target, const std::vector<KernelSource> &sources,
         Tiles tiles = Tiles::Native);
  ~KernelLibrary();

  /// Kernel `name`, which must be one of the sources.
  template <typename Function> Function *lookup(const std::string &name) const {
    return reinterpret_cast<Function *>(entry(name));
  }
  template <typename... Args>
  void call(const std::string &name, Args... args) const {
    lookup<void(Args...)>(name)(args...);
  }

private:
  void *entry(const std::string &name) const;

  void *handle = nullptr;
  std::string path;
};

/// Compiles `sources` for `target`, which this machine need not run, and links
/// a shared object that exports them.
Status compileLibrary(const CpuTarget &target,
                      const std::vector<KernelSource> &sources,
                      const std::string &path, Tiles tiles = Tiles::Native);

/// The assembly text of `sources` for `target`, which this machine need not
/// run.
Result<std::string> compileToAssembly(const CpuTarget &target,
                                      const std::vector<KernelSource> &sources);

/// The instruction sets that this machine runs, best first.
std::vector<const CpuTarget *> runnableTargets();

/// A kernel library and what it was compiled for.
struct TargetLibrary {
  const CpuTarget *target;
  std::shared_ptr<KernelLibrary> library;
};

/// `sources` for every runnable instruction set; a failure to compile is a
/// test failure, and that instruction set is left out.
std::vector<TargetLibrary>
compileForAllTargets(const std::vector<KernelSource> &sources);

} // namespace quern::codegen::test

#endif // QUERN_TEST_UNIT_CODEGEN_KERNELHARNESS_H
