// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/instance_template.hpp>

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include <aws_wrapper/endpoint.hpp>
#include <aws_wrapper/error.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

[[noreturn]] void refuse(std::string_view pattern, std::string_view why) {
    throw Error{Errc::invalid_property,
                fmt::format("cluster_instance_host_pattern \"{}\" {}", pattern, why)};
}

struct HostAndPort {
    std::string_view host;
    std::string_view port;
    bool has_port;
};

HostAndPort split_port(std::string_view whole) {
    if (whole.starts_with('[')) {
        const std::size_t end = whole.find(']');
        if (end == std::string_view::npos) {
            refuse(whole, "has a \"[\" without its \"]\"");
        }
        const std::string_view rest = whole.substr(end + 1);
        if (!rest.empty() && rest[0] != ':') {
            refuse(whole, "may have only \":port\" behind the \"]\"");
        }
        return {whole.substr(1, end - 1), rest.substr(rest.empty() ? 0 : 1), !rest.empty()};
    }
    const std::size_t colon = whole.find(':');
    if (colon == std::string_view::npos || whole.find(':', colon + 1) != std::string_view::npos) {
        return {whole, {}, false};
    }
    return {whole.substr(0, colon), whole.substr(colon + 1), true};
}

std::uint16_t parse_port(std::string_view whole, std::string_view digits) {
    std::uint16_t port = 0;
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || port == 0) {
        refuse(whole, "has a port that is not a number from 1 to 65535");
    }
    return port;
}

}  // namespace

InstanceTemplate::InstanceTemplate(std::string pattern, std::uint16_t port, bool has_own_port)
    : pattern_{std::move(pattern)}, port_{port}, has_own_port_{has_own_port} {}

InstanceTemplate InstanceTemplate::parse(std::string_view pattern, std::uint16_t connect_port) {
    const std::string_view whole = text::trimmed(pattern);
    const HostAndPort parts = split_port(whole);
    const std::size_t mark = parts.host.find('?');
    if (mark == std::string_view::npos ||
        parts.host.find('?', mark + 1) != std::string_view::npos) {
        refuse(whole,
               "must have exactly one \"?\" where the instance's name goes, "
               "as in \"?.my-domain.com\" or \"?.my-domain.com:5432\"");
    }
    const Endpoint endpoint = classify_endpoint(parts.host);
    if (endpoint.is_proxy()) {
        refuse(whole, "names an RDS Proxy; it must be the pattern of the instances");
    }
    if (endpoint.type == EndpointType::rds_custom_cluster) {
        refuse(whole, "names a custom cluster endpoint; it must be the pattern of the instances");
    }
    const std::uint16_t port = parts.has_port ? parse_port(whole, parts.port) : connect_port;
    return {std::string{parts.host}, port, parts.has_port};
}

InstanceTemplate InstanceTemplate::derive(std::string_view connect_host,
                                          std::uint16_t connect_port) {
    return {instance_pattern(connect_host), connect_port, false};
}

Host InstanceTemplate::host_for(std::string_view id, HostRole role, std::int32_t weight) const {
    std::string name = pattern_;
    name.replace(name.find('?'), 1, id);
    return {std::string{id}, std::move(name), port_, role, weight};
}

}  // namespace aws_wrapper
