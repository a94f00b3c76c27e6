# SPDX-License-Identifier: Apache-2.0
# StaticLibpq::libpq - libpq and OpenSSL as archives, so that the extension brings no libssl or
# libpq into the process that other drivers could trip over (docs/adr/0003). Debian: libpq-dev,
# libssl-dev, and libpgcommon_shlib.a and libpgport_shlib.a of postgresql-server-dev-NN.
find_path(LIBPQ_INCLUDE_DIR libpq-fe.h PATH_SUFFIXES postgresql)
file(GLOB libpq_server_dirs "/usr/lib/postgresql/*/lib")
list(SORT libpq_server_dirs COMPARE NATURAL ORDER DESCENDING)
find_library(LIBPQ_ARCHIVE libpq.a)
find_library(LIBPGCOMMON_ARCHIVE libpgcommon_shlib.a PATHS ${libpq_server_dirs})
find_library(LIBPGPORT_ARCHIVE libpgport_shlib.a PATHS ${libpq_server_dirs})
find_library(LIBSSL_ARCHIVE libssl.a)
find_library(LIBCRYPTO_ARCHIVE libcrypto.a)
find_library(GSSAPI_LIBRARY NAMES gssapi_krb5 libgssapi_krb5.so.2)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(StaticLibpq REQUIRED_VARS LIBPQ_ARCHIVE LIBPQ_INCLUDE_DIR
    LIBPGCOMMON_ARCHIVE LIBPGPORT_ARCHIVE LIBSSL_ARCHIVE LIBCRYPTO_ARCHIVE GSSAPI_LIBRARY)
if(StaticLibpq_FOUND AND NOT TARGET StaticLibpq::libpq)
    add_library(StaticLibpq::libpq INTERFACE IMPORTED)
    set_target_properties(StaticLibpq::libpq PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${LIBPQ_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES
        "${LIBPQ_ARCHIVE};${LIBPGCOMMON_ARCHIVE};${LIBPGPORT_ARCHIVE};${LIBSSL_ARCHIVE};${LIBCRYPTO_ARCHIVE};${GSSAPI_LIBRARY};dl")
endif()
