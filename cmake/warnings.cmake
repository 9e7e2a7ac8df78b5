# What every target of ours is compiled with. Warnings are errors on gcc and on clang.
add_library(troth_flags INTERFACE)
target_include_directories(troth_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(troth_flags INTERFACE _GNU_SOURCE)
target_compile_options(troth_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Werror
    # Same input, same bytes on every compiler: no contraction of a * b + c into one rounding.
    -ffp-contract=off
    -fno-omit-frame-pointer)
if(TROTH_MARCH)
    target_compile_options(troth_flags INTERFACE -march=${TROTH_MARCH})
endif()
if(TROTH_SANITIZE)
    target_compile_options(troth_flags INTERFACE -fsanitize=${TROTH_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(troth_flags INTERFACE -fsanitize=${TROTH_SANITIZE})
endif()
if(TROTH_SANITIZE STREQUAL "thread")
    # The sanitizer does not know the threads that librdkafka makes: tests/support/c11_threads.c.
    add_library(troth_c11_threads OBJECT ${CMAKE_SOURCE_DIR}/tests/support/c11_threads.c)
    target_compile_definitions(troth_c11_threads PRIVATE _GNU_SOURCE)
    target_link_libraries(troth_flags INTERFACE $<TARGET_OBJECTS:troth_c11_threads>)
endif()
# Programs that people run are optimized across layers (some 10 % of an event); tests link the same
# objects as they are. Each directory with programs says which: troth_link_whole() or not.
if(TROTH_LTO)
    target_compile_options(troth_flags INTERFACE -flto=auto -ffat-lto-objects)
endif()
macro(troth_link_whole whole)
    if(TROTH_LTO AND ${whole})
        add_link_options(-flto=auto)
    elseif(TROTH_LTO)
        add_link_options(-fno-lto)
    endif()
endmacro()
