// SPDX-License-Identifier: Apache-2.0
#include "model/endpoint.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <model/text.hpp>

namespace aws_wrapper {

namespace {

using text::is_digit;
using text::split;

bool is_lower_alnum(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'z'); }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f'); }

bool is_octet(std::string_view octet) noexcept {
    if (octet.empty() || octet.size() > 3 || !std::ranges::all_of(octet, is_digit) ||
        (octet.size() > 1 && octet[0] == '0')) {
        return false;
    }
    int value = 0;
    for (const char c : octet) {
        value = value * 10 + (c - '0');
    }
    return value <= 255;
}

bool is_ipv4(std::string_view text) {
    const auto octets = split(text, '.');
    return octets.size() == 4 && octets[0] != "0" && std::ranges::all_of(octets, is_octet);
}

// Number of groups in "1:2:3"; nothing if one of them is no hexadecimal number.
std::optional<std::size_t> count_ipv6_groups(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    const auto groups = split(text, ':');
    const bool valid = std::ranges::all_of(groups, [](std::string_view group) {
        return !group.empty() && group.size() <= 4 && std::ranges::all_of(group, is_hex);
    });
    return valid ? std::optional{groups.size()} : std::nullopt;
}

bool is_ipv6(std::string_view text) {
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) {
        return count_ipv6_groups(text) == std::size_t{8};
    }
    const auto before = count_ipv6_groups(text.substr(0, gap));
    const auto after = count_ipv6_groups(text.substr(gap + 2));
    return before && after && *before + *after <= 7;
}

using Labels = std::vector<std::string_view>;

bool is_rds_label(std::string_view label) noexcept { return label == "rds" || label == "rds-fips"; }

bool is_region_label(std::string_view label) noexcept {
    return !label.empty() &&
           std::ranges::all_of(label, [](char c) { return c == '-' || is_lower_alnum(c); });
}

bool ends_with(const Labels& labels, std::initializer_list<std::string_view> tail) noexcept {
    return labels.size() >= tail.size() &&
           std::equal(tail.begin(), tail.end(),
                      labels.end() - static_cast<std::ptrdiff_t>(tail.size()));
}

struct Suffix {
    std::size_t labels;  // how many labels the suffix has, region included
    std::string_view region;
};

// The forms are tried in the order of AWS's own wrappers, the first match wins: a malformed China
// name fits two of them.
std::optional<Suffix> match_suffix(const Labels& labels) {
    const auto from_end = [&labels](std::size_t n) {
        return n <= labels.size() ? labels[labels.size() - n] : std::string_view{};
    };
    const bool amazon =
        from_end(2) == "amazonaws" &&
        (from_end(1) == "com" || from_end(1) == "eu" || from_end(1) == "au" || from_end(1) == "uk");
    const bool china = ends_with(labels, {"amazonaws", "com", "cn"});
    const bool iso =
        ends_with(labels, {"c2s", "ic", "gov"}) || ends_with(labels, {"sc2s", "sgov", "gov"});
    if (amazon && is_rds_label(from_end(3)) && is_region_label(from_end(4))) {
        return Suffix{4, from_end(4)};
    }
    if ((china || iso) && is_rds_label(from_end(5)) && is_region_label(from_end(4))) {
        return Suffix{5, from_end(4)};
    }
    if (china && is_rds_label(from_end(4)) && is_region_label(from_end(5))) {
        return Suffix{5, from_end(5)};
    }
    if (amazon && is_rds_label(from_end(4)) && is_region_label(from_end(3))) {
        return Suffix{4, from_end(3)};
    }
    return std::nullopt;
}

struct Prefix {
    std::string_view text;
    EndpointType type;
};

constexpr std::array kPrefixes{
    Prefix{"cluster-ro-", EndpointType::rds_reader_cluster},
    Prefix{"cluster-custom-", EndpointType::rds_custom_cluster},
    Prefix{"cluster-", EndpointType::rds_writer_cluster},
    Prefix{"proxy-", EndpointType::rds_proxy},
    Prefix{"shardgrp-", EndpointType::rds_limitless_shard_group},
    Prefix{"global-", EndpointType::rds_global_writer_cluster},
};

Endpoint classify_dns_name(const std::string& host) {
    const Labels labels = split(host, '.');
    if (std::ranges::any_of(labels, &std::string_view::empty)) {
        return {};
    }
    const std::size_t count = labels.size();
    if (count >= 5 && ends_with(labels, {"amazonaws", "com"}) && labels[count - 4] == "elb" &&
        is_region_label(labels[count - 3])) {
        return {.region = std::string{labels[count - 3]}};
    }
    const auto suffix = match_suffix(labels);
    if (!suffix || count < suffix->labels + 2) {
        return {};
    }
    std::string_view account = labels[count - suffix->labels - 1];
    const auto name_length = static_cast<std::size_t>(account.data() - host.data()) - 1;

    Endpoint result{.type = EndpointType::rds_instance, .name = host.substr(0, name_length)};
    for (const Prefix& prefix : kPrefixes) {
        if (account.starts_with(prefix.text)) {
            result.type = prefix.type;
            account.remove_prefix(prefix.text.size());
            break;
        }
    }
    const bool global = result.type == EndpointType::rds_global_writer_cluster;
    if (account.empty() || !std::ranges::all_of(account, is_lower_alnum) ||
        global != (suffix->region == "global")) {
        return {};
    }
    if (result.type == EndpointType::rds_proxy && result.name.ends_with(".endpoint")) {
        result.type = EndpointType::rds_proxy_endpoint;
    }
    result.domain = host.substr(static_cast<std::size_t>(account.data() - host.data()));
    if (!global) {
        result.region = suffix->region;
    }
    return result;
}

}  // namespace

const char* to_string(EndpointType type) noexcept {
    switch (type) {
        case EndpointType::ip_address: return "ip_address";
        case EndpointType::rds_global_writer_cluster: return "rds_global_writer_cluster";
        case EndpointType::rds_writer_cluster: return "rds_writer_cluster";
        case EndpointType::rds_reader_cluster: return "rds_reader_cluster";
        case EndpointType::rds_limitless_shard_group: return "rds_limitless_shard_group";
        case EndpointType::rds_custom_cluster: return "rds_custom_cluster";
        case EndpointType::rds_proxy: return "rds_proxy";
        case EndpointType::rds_proxy_endpoint: return "rds_proxy_endpoint";
        case EndpointType::rds_instance: return "rds_instance";
        case EndpointType::other: break;
    }
    return "other";
}

bool Endpoint::is_rds() const noexcept {
    return type != EndpointType::other && type != EndpointType::ip_address;
}

bool Endpoint::is_cluster() const noexcept {
    return type == EndpointType::rds_writer_cluster || type == EndpointType::rds_reader_cluster ||
           type == EndpointType::rds_custom_cluster ||
           type == EndpointType::rds_global_writer_cluster;
}

bool Endpoint::is_proxy() const noexcept {
    return type == EndpointType::rds_proxy || type == EndpointType::rds_proxy_endpoint;
}

Endpoint classify_endpoint(std::string_view host) {
    std::string name = text::lower(host);
    if (is_ipv4(name) || is_ipv6(name)) {
        return {.type = EndpointType::ip_address};
    }
    if (name.ends_with('.')) {
        name.pop_back();
    }
    return classify_dns_name(name);
}

std::string instance_pattern(std::string_view host) {
    const Endpoint endpoint = classify_endpoint(host);
    const bool known =
        endpoint.is_rds() && endpoint.type != EndpointType::rds_global_writer_cluster;
    return known ? "?." + endpoint.domain : "?";
}

}  // namespace aws_wrapper
