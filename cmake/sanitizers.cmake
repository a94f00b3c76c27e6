# SPDX-License-Identifier: Apache-2.0
if(AWS_WRAPPER_SANITIZE)
    add_compile_options(-fsanitize=${AWS_WRAPPER_SANITIZE} -fno-omit-frame-pointer)
    if(AWS_WRAPPER_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # asio's fences are not understood; what it hands between threads goes through a lock, too.
        add_compile_options(-Wno-tsan)
    endif()
    if(AWS_WRAPPER_SANITIZE MATCHES "undefined")
        # A third of the compiler's time, for what we don't do: no class here is cast to one derived from it.
        # Objects that are used after their end are AddressSanitizer's.
        add_compile_options(-fno-sanitize=vptr)
    endif()
    add_link_options(-fsanitize=${AWS_WRAPPER_SANITIZE})
endif()
