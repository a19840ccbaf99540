# What is compiled for AArch64 Linux beside the build's own architecture: the
# runtime of models for it, and programs that tests run in an emulator.
#
# Sets QUERN_AARCH64_CC and QUERN_AARCH64_CXX, the beginnings of commands that
# compile for AArch64, if clang finds C and C++ libraries of that architecture.

set(QUERN_AARCH64_CC ${QUERN_LLVM_PREFIX}/bin/clang --target=aarch64-linux-gnu)
set(QUERN_AARCH64_CXX
  ${QUERN_LLVM_PREFIX}/bin/clang++ --target=aarch64-linux-gnu)
set(probe ${PROJECT_BINARY_DIR}/aarch64-probe.cpp)
file(WRITE ${probe} "#include <atomic>\n#include <pthread.h>\n")
execute_process(COMMAND ${QUERN_AARCH64_CXX} -fsyntax-only ${probe}
  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
if(failed)
  message(STATUS "No C++ library for AArch64: models cannot be compiled for it")
  unset(QUERN_AARCH64_CC)
  unset(QUERN_AARCH64_CXX)
endif()

# quern_aarch64_archive(<file> SOURCES <C++ files> FLAGS <flags>): a static
# library, as a file of that name.
function(quern_aarch64_archive archive)
  cmake_parse_arguments(ARG "" "" "SOURCES;FLAGS" ${ARGN})
  set(objects)
  foreach(source IN LISTS ARG_SOURCES)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/aarch64/${source}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${QUERN_AARCH64_CXX} ${ARG_FLAGS}
              -MD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source}
              -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(OUTPUT ${archive}
    COMMAND ${CMAKE_COMMAND} -E rm -f ${archive}
    COMMAND ${QUERN_LLVM_PREFIX}/bin/llvm-ar rcs ${archive} ${objects}
    DEPENDS ${objects}
    VERBATIM)
endfunction()

# quern_aarch64_program(<name> <C file>): a program in the folder of the unit
# tests, built with them.
function(quern_aarch64_program name source)
  set(program ${PROJECT_BINARY_DIR}/test/unit/${name})
  add_custom_command(OUTPUT ${program}
    COMMAND ${QUERN_AARCH64_CC} -O2 -Wall -Wextra -Werror -fuse-ld=lld
            -I${PROJECT_SOURCE_DIR}/include ${source} -o ${program}
    DEPENDS ${source}
    VERBATIM)
  add_custom_target(${name} DEPENDS ${program})
  add_dependencies(quern-unittests ${name})
endfunction()
