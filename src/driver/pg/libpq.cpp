// SPDX-License-Identifier: Apache-2.0
#include "driver/pg/libpq.hpp"

#include <dlfcn.h>

#include <map>
#include <memory>
#include <mutex>

#include <fmt/format.h>

#include <aws_wrapper/error.hpp>

namespace aws_wrapper {

namespace {

void* opened(const std::string& library) {
    const char* path = library.empty() ? nullptr : library.c_str();
    void* handle = ::dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) {
        throw Error{Errc::unsupported, fmt::format("libpq can't be loaded: {}", ::dlerror())};
    }
    return handle;
}

template <typename Function>
void find(void* handle, const char* name, Function& function) {
    void* const address = ::dlsym(handle, name);
    if (address == nullptr) {
        throw Error{Errc::unsupported,
                    fmt::format("this libpq lacks {}; the monitors need libpq 12 or newer", name)};
    }
    function = reinterpret_cast<Function>(address);
}

}  // namespace

const Libpq& Libpq::of(const std::string& library) {
    // Not destroyed at exit: a monitor may still be in it.
    static auto* const known = new std::map<std::string, std::unique_ptr<const Libpq>>;
    static auto* const mutex = new std::mutex;
    const std::lock_guard guard{*mutex};
    auto& libpq = (*known)[library];
    if (!libpq) {
        libpq.reset(new Libpq{library});
    }
    return *libpq;
}

Libpq::Libpq(const std::string& library) {
    void* const handle = opened(library);
    find(handle, "PQconndefaults", conndefaults);
    find(handle, "PQconninfo", conninfo);
    find(handle, "PQconninfoFree", conninfo_free);
    find(handle, "PQconnectStart", connect_start);
    find(handle, "PQconnectPoll", connect_poll);
    find(handle, "PQfinish", finish);
    find(handle, "PQstatus", status);
    find(handle, "PQsocket", socket);
    find(handle, "PQhostaddr", hostaddr);
    find(handle, "PQerrorMessage", error_message);
    find(handle, "PQsetErrorVerbosity", set_error_verbosity);
    find(handle, "PQsetnonblocking", set_nonblocking);
    find(handle, "PQsetNoticeReceiver", set_notice_receiver);
    find(handle, "PQsendQuery", send_query);
    find(handle, "PQflush", flush);
    find(handle, "PQconsumeInput", consume_input);
    find(handle, "PQisBusy", is_busy);
    find(handle, "PQgetResult", get_result);
    find(handle, "PQresultStatus", result_status);
    find(handle, "PQresultErrorField", result_error_field);
    find(handle, "PQresultErrorMessage", result_error_message);
    find(handle, "PQntuples", ntuples);
    find(handle, "PQnfields", nfields);
    find(handle, "PQfname", fname);
    find(handle, "PQgetisnull", get_is_null);
    find(handle, "PQgetvalue", get_value);
    find(handle, "PQclear", clear);

    PQconninfoOption* const known = conndefaults();
    for (const auto* option = known; option != nullptr && option->keyword != nullptr; ++option) {
        options.emplace(option->keyword);
    }
    conninfo_free(known);
}

}  // namespace aws_wrapper
