# SPDX-License-Identifier: Apache-2.0
if(AWS_WRAPPER_SANITIZE)
    add_compile_options(-fsanitize=${AWS_WRAPPER_SANITIZE} -fno-omit-frame-pointer)
    if(AWS_WRAPPER_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # asio's fences are not understood; what it hands between threads goes through a lock, too.
        add_compile_options(-Wno-tsan)
    endif()
    add_link_options(-fsanitize=${AWS_WRAPPER_SANITIZE})
endif()
