// SPDX-License-Identifier: Apache-2.0
//
// A program of somebody else's with the monitors' drivers: that of MySQL brings its library along,
// that of PostgreSQL takes the program's own, which this one hasn't.
#include <cstdio>
#include <string_view>

#include <aws_wrapper/embed/drivers.hpp>
#include <aws_wrapper/error.hpp>

int main() {
    const bool mysql = aws_wrapper::mysql_driver() != nullptr;
    bool postgresql = false;
    try {
        aws_wrapper::pg_driver("");
    } catch (const aws_wrapper::Error& error) {
        postgresql = error.code() == aws_wrapper::Errc::unsupported &&
                     std::string_view{error.what()}.find("libpq") != std::string_view::npos;
    }
    std::puts(mysql && postgresql ? "linked" : "not linked");
    return mysql && postgresql ? 0 : 1;
}
