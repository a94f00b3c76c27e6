# SPDX-License-Identifier: Apache-2.0
if(AWS_WRAPPER_SANITIZE)
    add_compile_options(-fsanitize=${AWS_WRAPPER_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${AWS_WRAPPER_SANITIZE})
endif()
