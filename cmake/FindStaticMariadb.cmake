# SPDX-License-Identifier: Apache-2.0
# StaticMariadb::mariadb - libmariadb and OpenSSL as archives, so that the extension brings no libssl
# into the process that other drivers could trip over (docs/adr/0008). Debian: libmariadb-dev, which brings
# OpenSSL's and zlib's archives, and libzstd-dev, which OpenSSL needs from Debian 13 on.
find_path(MARIADB_INCLUDE_DIR mysql.h PATH_SUFFIXES mariadb)
find_library(MARIADB_ARCHIVE libmariadb.a)
find_library(LIBSSL_ARCHIVE libssl.a)
find_library(LIBCRYPTO_ARCHIVE libcrypto.a)
find_library(ZLIB_ARCHIVE libz.a)
find_library(ZSTD_ARCHIVE libzstd.a)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(StaticMariadb REQUIRED_VARS MARIADB_ARCHIVE MARIADB_INCLUDE_DIR
    LIBSSL_ARCHIVE LIBCRYPTO_ARCHIVE ZLIB_ARCHIVE ZSTD_ARCHIVE)
if(StaticMariadb_FOUND AND NOT TARGET StaticMariadb::mariadb)
    # A copy which calls us in the place of two functions, see docs/adr/0009. If it didn't call them at
    # all, the rules of TLS and the limit of an answer would be void.
    set(hooks SSL_connect=aws_wrapper_mysql_connect_tls recv=aws_wrapper_mysql_receive)
    execute_process(COMMAND ${CMAKE_NM} ${MARIADB_ARCHIVE}
        OUTPUT_VARIABLE names ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
    set(redefinitions)
    foreach(hook IN LISTS hooks)
        string(REGEX REPLACE "=.*" "" name ${hook})
        if(NOT names MATCHES " U ${name}\n")
            message(FATAL_ERROR "${MARIADB_ARCHIVE} doesn't call ${name}(): see docs/adr/0009")
        endif()
        list(APPEND redefinitions --redefine-sym ${hook})
    endforeach()
    set(hooked_archive ${CMAKE_CURRENT_BINARY_DIR}/libmariadb_hooked.a)
    add_custom_command(OUTPUT ${hooked_archive}
        COMMAND ${CMAKE_OBJCOPY} ${redefinitions} ${MARIADB_ARCHIVE} ${hooked_archive}
        DEPENDS ${MARIADB_ARCHIVE} VERBATIM)
    add_custom_target(aws_wrapper_hooked_mariadb DEPENDS ${hooked_archive})

    add_library(StaticMariadb::mariadb INTERFACE IMPORTED)
    add_dependencies(StaticMariadb::mariadb aws_wrapper_hooked_mariadb)
    set_target_properties(StaticMariadb::mariadb PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${MARIADB_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES
        "${hooked_archive};${LIBSSL_ARCHIVE};${LIBCRYPTO_ARCHIVE};${ZLIB_ARCHIVE};${ZSTD_ARCHIVE};dl;m")
endif()
