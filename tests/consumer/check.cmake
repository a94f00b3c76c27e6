# SPDX-License-Identifier: Apache-2.0
# Installs BUILD into FOLDER, then configures, builds and tests the project beside this file against
# that, with FLAGS (those of the sanitizers, which both have to be built with).
function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${FOLDER})
set(prefix ${FOLDER}/installed)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
file(GLOB_RECURSE configs ${prefix}/*/pkgconfig/aws_wrapper.pc)
list(GET configs 0 config)
get_filename_component(pkgconfig ${config} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${pkgconfig})
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${FOLDER}/build -G Ninja
    -DCMAKE_PREFIX_PATH=${prefix} "-DCMAKE_CXX_FLAGS=${FLAGS}")
run(${CMAKE_COMMAND} --build ${FOLDER}/build)
run(${CMAKE_CTEST_COMMAND} --test-dir ${FOLDER}/build --output-on-failure --no-tests=error)
