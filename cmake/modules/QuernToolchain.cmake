# Finds LLVM/MLIR at the release of cmake/llvm-version.txt and sets the
# compiler flags of the whole project.

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/llvm-version.txt QUERN_LLVM_VERSION)
set(QUERN_LLVM_PREFIX /usr/lib/llvm-${QUERN_LLVM_VERSION} CACHE PATH
  "Prefix of the LLVM/MLIR packages")
set(LLVM_EXTERNAL_LIT ${QUERN_LLVM_PREFIX}/bin/lit CACHE FILEPATH "lit driver")

find_package(MLIR REQUIRED CONFIG HINTS ${QUERN_LLVM_PREFIX}/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL QUERN_LLVM_VERSION)
  message(FATAL_ERROR
    "expects LLVM ${QUERN_LLVM_VERSION}, but found ${LLVM_PACKAGE_VERSION}")
endif()

set(LLVM_RUNTIME_OUTPUT_INTDIR ${PROJECT_BINARY_DIR}/bin)
set(LLVM_LIBRARY_OUTPUT_INTDIR ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories(${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
add_definitions(${LLVM_DEFINITIONS})

add_compile_options(-Wall -Wextra -Werror=return-type -Wno-unused-parameter
  -fvisibility-inlines-hidden -ffp-contract=off)
add_link_options(-fuse-ld=lld)
find_program(QUERN_CCACHE ccache)
if(QUERN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${QUERN_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${QUERN_CCACHE})
endif()
