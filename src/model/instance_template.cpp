// SPDX-License-Identifier: Apache-2.0
#include "model/instance_template.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include <aws_wrapper/error.hpp>
#include <model/host_name.hpp>
#include <model/text.hpp>

#include "model/endpoint.hpp"

namespace aws_wrapper {

namespace {

[[noreturn]] void refuse(std::string_view pattern, std::string_view why) {
    throw Error{Errc::invalid_property,
                fmt::format("cluster_instance_host_pattern \"{}\" {}",
                            text::printable(pattern, kLongestHostName), why)};
}

std::string with_id(std::string_view pattern, std::string_view id) {
    std::string name{pattern};
    name.replace(name.find('?'), 1, id);
    return name;
}

bool is_address(std::string_view name) {
    return classify_endpoint(name).type == EndpointType::ip_address;
}

// "?" alone knows nothing, but is none of the names that lead elsewhere; see resolvable().
bool is_sane(std::string_view pattern) {
    const std::string_view behind = pattern.substr(pattern.find('?') + 1);
    if (is_address(with_id(pattern, "1"))) {
        return behind.empty() || behind.front() == '.' || behind.front() == ':';
    }
    return (behind.empty() || (behind.front() == '.' && behind != ".")) &&
           is_host_name(with_id(pattern, "a"), Underscores::yes);
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
    : pattern_{std::move(pattern)},
      port_{port},
      has_own_port_{has_own_port},
      is_address_{is_address(with_id(pattern_, "1"))} {}

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
    if (!is_sane(parts.host)) {
        refuse(whole,
               "must be a host name or a numeric address, of which \"?\" stands for one part or "
               "the end of one: behind it comes a dot and the domain, or nothing but the port");
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
    return {std::string{id}, with_id(pattern_, id), port_, role, weight, {}};
}

bool InstanceTemplate::can_name(std::string_view id) const {
    if (!resolvable() || !is_label(id)) {
        return false;
    }
    const std::string name = with_id(pattern_, id);
    return is_address_ ? is_address(name) : is_host_name(name, Underscores::yes);
}

bool InstanceTemplate::is_of_rds() const {
    return pattern_.starts_with("?.") &&
           classify_endpoint(with_id(pattern_, "a")).type == EndpointType::rds_instance;
}

}  // namespace aws_wrapper
