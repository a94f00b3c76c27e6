# SPDX-License-Identifier: Apache-2.0
# StaticMariadb::mariadb - libmariadb and OpenSSL as archives, so that the extension brings no libssl
# into the process that other drivers could trip over (docs/adr/0008). Debian: libmariadb-dev, which brings OpenSSL's and zlib's archives.
find_path(MARIADB_INCLUDE_DIR mysql.h PATH_SUFFIXES mariadb)
find_library(MARIADB_ARCHIVE libmariadb.a)
find_library(LIBSSL_ARCHIVE libssl.a)
find_library(LIBCRYPTO_ARCHIVE libcrypto.a)
find_library(ZLIB_ARCHIVE libz.a)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(StaticMariadb REQUIRED_VARS MARIADB_ARCHIVE MARIADB_INCLUDE_DIR
    LIBSSL_ARCHIVE LIBCRYPTO_ARCHIVE ZLIB_ARCHIVE)
if(StaticMariadb_FOUND AND NOT TARGET StaticMariadb::mariadb)
    add_library(StaticMariadb::mariadb INTERFACE IMPORTED)
    set_target_properties(StaticMariadb::mariadb PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${MARIADB_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES
        "${MARIADB_ARCHIVE};${LIBSSL_ARCHIVE};${LIBCRYPTO_ARCHIVE};${ZLIB_ARCHIVE};dl;m")
endif()
