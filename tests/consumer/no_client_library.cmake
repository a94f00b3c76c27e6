# SPDX-License-Identifier: Apache-2.0
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${PROGRAM} RESOLVED_DEPENDENCIES_VAR found
    UNRESOLVED_DEPENDENCIES_VAR missing)
if(NOT found MATCHES "libstdc\\+\\+")
    message(FATAL_ERROR "the dependencies of ${PROGRAM} could not be read: ${found}")
endif()
if("${found};${missing}" MATCHES "libpq|libmariadb|libmysql|libpython|libssl")
    message(FATAL_ERROR "the engine alone depends on ${found};${missing}")
endif()
