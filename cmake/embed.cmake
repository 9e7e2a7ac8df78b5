# Embeds files in a library as byte arrays. Included, it gives troth_embed(); run by `cmake -P` at
# build time, it writes one header and one source.
#
#   troth_embed(SOURCE_VARIABLE PREFIX FOLDER FILE...)
#
# For each FILE NAME.EXTENSION the header FOLDER/PREFIX.h, included from the root of the build tree,
# declares `troth_PREFIX_NAME` and `troth_PREFIX_NAME_length`; the array ends with a zero that the
# length does not count. SOURCE_VARIABLE receives the source to add to the library.
if(NOT CMAKE_SCRIPT_MODE_FILE)
    set(TROTH_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

    function(troth_embed SOURCE_VARIABLE PREFIX FOLDER)
        list(TRANSFORM ARGN PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" OUTPUT_VARIABLE files)
        set(stem "${CMAKE_BINARY_DIR}/${FOLDER}/${PREFIX}")
        add_custom_command(
            OUTPUT "${stem}.c" "${stem}.h"
            COMMAND ${CMAKE_COMMAND} "-DPREFIX=${PREFIX}" "-DFOLDER=${FOLDER}" "-DSTEM=${stem}"
                "-DFILES=${files}" -P "${TROTH_EMBED_SCRIPT}"
            DEPENDS ${files} "${TROTH_EMBED_SCRIPT}"
            COMMENT "Embedding ${FOLDER}/${PREFIX}" VERBATIM)
        set(${SOURCE_VARIABLE} "${stem}.c" "${stem}.h" PARENT_SCOPE)
    endfunction()
    return()
endif()

string(TOUPPER "TROTH_${FOLDER}_${PREFIX}_H" guard)
set(header "/* Files of ${FOLDER}/, embedded at build time by cmake/embed.cmake. */\n")
string(APPEND header "#ifndef ${guard}\n#define ${guard}\n\n#include <stddef.h>\n")
set(source "#include \"${FOLDER}/${PREFIX}.h\"\n")
foreach(file ${FILES})
    get_filename_component(name "${file}" NAME_WE)
    string(MAKE_C_IDENTIFIER "troth_${PREFIX}_${name}" name)
    file(READ "${file}" bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR length "${digits} / 2")
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "((0x..,)(0x..,)?(0x..,)?(0x..,)?(0x..,)?(0x..,)?(0x..,)?(0x..,)?)" "\\1\n    "
        bytes "${bytes}")
    string(APPEND header "\nextern const char ${name}[];\nextern const size_t ${name}_length;\n")
    # Octets above 0x7f would not fit a signed char; a schema is ASCII.
    string(APPEND source "\nconst char ${name}[] = {\n    ${bytes}0};\nconst size_t ${name}_length = ${length};\n")
endforeach()
string(APPEND header "\n#endif\n")
file(WRITE "${STEM}.h" "${header}")
file(WRITE "${STEM}.c" "${source}")
