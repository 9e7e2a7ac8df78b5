# Canaries inside the product. Included, it gives troth_plant(); run by `cmake -P` at build time, it
# writes a source of the product with one piece of it replaced.
#
#   troth_plant(OUTPUT_VARIABLE CANARY)
#
# CANARY is a file: the rule that is broken, the source, the text to find there, and what stands in its
# place, as
#
#   rule: an event is not applied twice
#   source: scoring/shard.c
#   ---
#           if (offset <= shard->true_until[index]) {
#   ---
#           if (false) {
#   ---
#
# A line `seen by: the model` after the source tells that the simulation's own checks cannot see it.
# The text must be there exactly once, or the build fails: a canary must not rot unseen. OUTPUT_VARIABLE
# receives the source that is written.
if(NOT CMAKE_SCRIPT_MODE_FILE)
    set(TROTH_PLANT_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

    function(troth_plant OUTPUT_VARIABLE CANARY)
        get_filename_component(name "${CANARY}" NAME_WE)
        file(STRINGS "${CANARY}" source REGEX "^source: ")
        string(REPLACE "source: " "" source "${source}")
        set(planted "${CMAKE_CURRENT_BINARY_DIR}/planted/${name}.c")
        add_custom_command(
            OUTPUT "${planted}"
            COMMAND ${CMAKE_COMMAND} "-DCANARY=${CANARY}" "-DSOURCE=${CMAKE_SOURCE_DIR}/${source}"
                "-DPLANTED=${planted}" -P "${TROTH_PLANT_SCRIPT}"
            DEPENDS "${CANARY}" "${CMAKE_SOURCE_DIR}/${source}" "${TROTH_PLANT_SCRIPT}"
            COMMENT "Planting ${name} in ${source}" VERBATIM)
        set(${OUTPUT_VARIABLE} "${planted}" PARENT_SCOPE)
    endfunction()
    return()
endif()

file(READ "${CANARY}" rest)
foreach(piece head find plant)
    # What ends a piece begins the next one, so an empty piece is found too.
    string(PREPEND rest "\n")
    string(FIND "${rest}" "\n---\n" end)
    if(end EQUAL -1)
        message(FATAL_ERROR "${CANARY}: three lines of --- divide it; see tests/sim/plant.cmake")
    endif()
    set(${piece} "")
    if(end GREATER 0)
        math(EXPR length "${end} - 1")
        string(SUBSTRING "${rest}" 1 ${length} ${piece})
    endif()
    math(EXPR end "${end} + 5")
    string(SUBSTRING "${rest}" ${end} -1 rest)
endforeach()
file(READ "${SOURCE}" text)
string(FIND "${text}" "${find}" first)
string(FIND "${text}" "${find}" last REVERSE)
if(find STREQUAL "" OR first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "${CANARY}: its text does not stand exactly once in ${SOURCE}. The source has "
        "changed: let the canary break the same rule in the new text.\n${find}")
endif()
string(REPLACE "${find}" "${plant}" text "${text}")
file(WRITE "${PLANTED}" "#line 1 \"${SOURCE}\"\n${text}")
