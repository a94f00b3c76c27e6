# SPDX-License-Identifier: Apache-2.0
# TlExpected::expected - tl::expected, header-only (Debian: libexpected-dev).
find_path(TLEXPECTED_INCLUDE_DIR tl/expected.hpp)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TlExpected REQUIRED_VARS TLEXPECTED_INCLUDE_DIR)
if(TlExpected_FOUND AND NOT TARGET TlExpected::expected)
    add_library(TlExpected::expected INTERFACE IMPORTED)
    set_target_properties(TlExpected::expected PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${TLEXPECTED_INCLUDE_DIR}")
endif()
