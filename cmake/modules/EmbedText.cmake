# quern_embed_text(<cpp-file> <text-file> <namespace> <symbol>): a C++ file that
# defines `const char *const <namespace>::<symbol>` as the content of a text file.
# The same file is the script that writes it, at build time.

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${TEXT} content)
  file(WRITE ${CPP} "namespace ${NAMESPACE} {
extern const char *const ${SYMBOL};
const char *const ${SYMBOL} = R\"quern(${content})quern\";
} // namespace ${NAMESPACE}
")
  return()
endif()

set(QUERN_EMBED_TEXT_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(quern_embed_text cpp text namespace symbol)
  add_custom_command(OUTPUT ${cpp}
    COMMAND ${CMAKE_COMMAND} -DTEXT=${text} -DCPP=${cpp}
            -DNAMESPACE=${namespace} -DSYMBOL=${symbol}
            -P ${QUERN_EMBED_TEXT_SCRIPT}
    DEPENDS ${text} ${QUERN_EMBED_TEXT_SCRIPT}
    VERBATIM)
endfunction()
