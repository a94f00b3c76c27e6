// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/topology.hpp>

#include <algorithm>

namespace aws_wrapper {

namespace {

template <typename Predicate>
const Host* find_host(const std::vector<Host>& hosts, Predicate predicate) noexcept {
    const auto found = std::ranges::find_if(hosts, predicate);
    return found == hosts.end() ? nullptr : &*found;
}

}  // namespace

std::string host_and_port(const Host& host) {
    const bool ipv6 = host.name.find(':') != std::string::npos;
    const std::string name = ipv6 ? "[" + host.name + "]" : host.name;
    return host.port == 0 ? name : name + ":" + std::to_string(host.port);
}

const Host* Topology::writer() const noexcept {
    return find_host(hosts, [](const Host& host) { return host.role == HostRole::writer; });
}

const Host* Topology::find_by_id(std::string_view id) const noexcept {
    return find_host(hosts, [id](const Host& host) { return host.id == id; });
}

const Host* Topology::find_by_name(std::string_view name) const noexcept {
    return find_host(hosts, [name](const Host& host) { return host.name == name; });
}

}  // namespace aws_wrapper
