# SPDX-License-Identifier: Apache-2.0
add_library(aws_wrapper_warnings INTERFACE)
target_compile_options(aws_wrapper_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wnull-dereference -Wimplicit-fallthrough>)
option(AWS_WRAPPER_WERROR "Warnings are errors" OFF)
if(AWS_WRAPPER_WERROR)
    target_compile_options(aws_wrapper_warnings INTERFACE -Werror)
endif()
