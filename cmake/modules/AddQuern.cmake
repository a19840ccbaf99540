# Helpers that make one line of CMake carry one fact. Every .td file that goes
# through them is compiled AND documented; there is no way to do only one.

add_custom_target(quern-doc)
add_custom_target(quern-headers)

# quern_doc(<td-file> <output-stem> <tblgen-args...>)
function(quern_doc td_file output)
  set(LLVM_TARGET_DEFINITIONS ${td_file}.td)
  string(MAKE_C_IDENTIFIER ${output} id)
  tablegen(MLIR ${id}.md ${ARGN})
  add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/docs/generated/${output}.md
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_BINARY_DIR}/${id}.md
            ${PROJECT_BINARY_DIR}/docs/generated/${output}.md
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${id}.md)
  add_custom_target(${id}-doc
    DEPENDS ${PROJECT_BINARY_DIR}/docs/generated/${output}.md)
  add_dependencies(quern-doc ${id}-doc)
endfunction()

# quern_dialect(<Name> <mnemonic> [TYPES] [ENUMS] [ATTRS] [INTERFACES]): compiles
# <Name>Ops.td, which includes the dialect's other .td files, and the interfaces
# of attributes in <Name>Interfaces.td.
function(quern_dialect name mnemonic)
  cmake_parse_arguments(ARG "TYPES;ENUMS;ATTRS;INTERFACES" "" "" ${ARGN})
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  mlir_tablegen(${name}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${name}Ops.cpp.inc -gen-op-defs)
  mlir_tablegen(${name}Dialect.h.inc -gen-dialect-decls -dialect=${mnemonic})
  mlir_tablegen(${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${mnemonic})
  if(ARG_TYPES)
    mlir_tablegen(${name}Types.h.inc -gen-typedef-decls -typedefs-dialect=${mnemonic})
    mlir_tablegen(${name}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${mnemonic})
  endif()
  if(ARG_ATTRS)
    mlir_tablegen(${name}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${mnemonic})
    mlir_tablegen(${name}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${mnemonic})
  endif()
  if(ARG_ENUMS)
    mlir_tablegen(${name}Enums.h.inc -gen-enum-decls)
    mlir_tablegen(${name}Enums.cpp.inc -gen-enum-defs)
  endif()
  if(ARG_INTERFACES)
    set(LLVM_TARGET_DEFINITIONS ${name}Interfaces.td)
    mlir_tablegen(${name}Interfaces.h.inc -gen-attr-interface-decls)
    mlir_tablegen(${name}Interfaces.cpp.inc -gen-attr-interface-defs)
  endif()
  add_public_tablegen_target(Quern${name}IncGen)
  add_dependencies(quern-headers Quern${name}IncGen)
  quern_doc(${name}Ops Dialects/${name} -gen-dialect-doc -dialect=${mnemonic})
endfunction()

# quern_passes(<Phase>): Passes.td -> Passes.h.inc and docs Passes/<Phase>.md.
function(quern_passes phase)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  string(REPLACE "/" "" flat ${phase})
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name=${flat})
  add_public_tablegen_target(Quern${flat}PassIncGen)
  add_dependencies(quern-headers Quern${flat}PassIncGen)
  quern_doc(Passes Passes/${flat} -gen-pass-doc)
endfunction()

# quern_library(<Name> SOURCES <files> LINKS <libraries>): a static library.
function(quern_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  add_dependencies(${name} quern-headers)
  target_link_libraries(${name} PUBLIC ${ARG_LINKS})
endfunction()

# quern_tool(<name> SOURCES <files> LINKS <libraries>)
function(quern_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  add_dependencies(${name} quern-headers)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  # The tools export their symbols so that dialect and pass plugins resolve them.
  set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
endfunction()

# quern_unittest(<Name> SOURCES <files> LINKS <libraries>): a GoogleTest program,
# run by ctest and by `ninja check-quern-unit`.
function(quern_unittest name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  add_dependencies(${name} quern-headers)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} gtest gtest_main pthread)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/test/unit)
  add_test(NAME ${name} COMMAND ${name})
  add_dependencies(quern-unittests ${name})
endfunction()

# quern_fuzzer(<name> <function> LINKS <libraries>): a program in which libFuzzer
# calls a function of test/fuzz/Targets.h.
function(quern_fuzzer name target)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  add_executable(${name} FuzzMain.cpp)
  target_compile_definitions(${name} PRIVATE QUERN_FUZZ_TARGET=${target})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  add_dependencies(quern-fuzzers ${name})
endfunction()
