// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libpq-fe.h>

#include <set>
#include <string>

namespace aws_wrapper {

/// The functions of the libpq that the application's own links are made by.
///
/// Monitors that speak by the same library honour each option as the application's link does, and
/// know the same ones: see docs/adr/0016. Found by name once, then immutable; any thread.
struct Libpq {
    /// Of a shared library: see pg_driver(). Lives as long as the process.
    static const Libpq& of(const std::string& library);

    decltype(&::PQconndefaults) conndefaults;
    decltype(&::PQconninfo) conninfo;
    decltype(&::PQconninfoFree) conninfo_free;
    decltype(&::PQconnectStart) connect_start;
    decltype(&::PQconnectPoll) connect_poll;
    decltype(&::PQfinish) finish;
    decltype(&::PQstatus) status;
    decltype(&::PQsocket) socket;
    decltype(&::PQhostaddr) hostaddr;
    decltype(&::PQerrorMessage) error_message;
    decltype(&::PQsetErrorVerbosity) set_error_verbosity;
    decltype(&::PQsetnonblocking) set_nonblocking;
    decltype(&::PQsetNoticeReceiver) set_notice_receiver;
    decltype(&::PQsendQuery) send_query;
    decltype(&::PQflush) flush;
    decltype(&::PQconsumeInput) consume_input;
    decltype(&::PQisBusy) is_busy;
    decltype(&::PQgetResult) get_result;
    decltype(&::PQresultStatus) result_status;
    decltype(&::PQresultErrorField) result_error_field;
    decltype(&::PQresultErrorMessage) result_error_message;
    decltype(&::PQntuples) ntuples;
    decltype(&::PQnfields) nfields;
    decltype(&::PQfname) fname;
    decltype(&::PQgetisnull) get_is_null;
    decltype(&::PQgetvalue) get_value;
    decltype(&::PQclear) clear;

    /// The connection options that it takes.
    std::set<std::string, std::less<>> options;

private:
    explicit Libpq(const std::string& library);
};

}  // namespace aws_wrapper
