# SPDX-License-Identifier: Apache-2.0
# `cmake --install`: the engine, the monitors' drivers and the public headers, for C++ programs that
# find_package(aws_wrapper COMPONENTS pg mysql) or ask pkg-config for aws_wrapper.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/aws_wrapper)
install(DIRECTORY include/aws_wrapper DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

foreach(target engine driver_pg driver_mysql)
    set_target_properties(aws_wrapper_${target} PROPERTIES EXPORT_NAME ${target})
endforeach()
install(TARGETS aws_wrapper_engine aws_wrapper_driver_pg EXPORT aws_wrapper-targets)
install(EXPORT aws_wrapper-targets NAMESPACE aws_wrapper:: DESTINATION ${package_dir})
# Apart from the others: only who wants it needs libmariadb's archive.
install(TARGETS aws_wrapper_driver_mysql EXPORT aws_wrapper-mysql-targets)
install(EXPORT aws_wrapper-mysql-targets NAMESPACE aws_wrapper:: DESTINATION ${package_dir})

configure_package_config_file(cmake/aws_wrapper-config.cmake.in aws_wrapper-config.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(aws_wrapper-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/aws_wrapper-config.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/aws_wrapper-config-version.cmake
    cmake/FindTlExpected.cmake cmake/FindStaticMariadb.cmake DESTINATION ${package_dir})

# `--prefix` may name another place than the one that is known now.
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/aws_wrapper.pc.in aws_wrapper.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/aws_wrapper.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
