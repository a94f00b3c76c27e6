// SPDX-License-Identifier: Apache-2.0
#include "pipeline/selection/host_weights.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include <aws_wrapper/error.hpp>

#include "pipeline/selection/properties.hpp"

namespace aws_wrapper {

namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string_view::npos
               ? std::string_view{}
               : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::int64_t> weight_of(std::string_view text) {
    std::int64_t weight = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && weight >= 1 && weight <= property::kLargestHostWeight ? std::optional{weight}
                                                                          : std::nullopt;
}

}  // namespace

HostWeights::HostWeights(const Settings& settings,
                         const Property<PropertyList>& pairs,
                         const Property<std::int64_t>& fallback) {
    for (const auto item : settings.get(pairs)) {
        const auto colon = item.rfind(':');
        const auto host = trimmed(item.substr(0, colon));
        const auto weight = colon == std::string_view::npos
                                ? std::nullopt
                                : weight_of(trimmed(item.substr(colon + 1)));
        if (host.empty() || !weight) {
            throw Error{Errc::invalid_property,
                        fmt::format("{}: \"{}\" is not possible; allowed are items host:weight, "
                                    "with a whole number from 1 to {}",
                                    pairs.info.name, item, property::kLargestHostWeight)};
        }
        pairs_.emplace_back(host, *weight);
    }
    if (!pairs_.empty() || settings.is_given(fallback)) {
        fallback_ = settings.get(fallback);
    }
}

std::optional<std::int64_t> HostWeights::find(const Host& host) const noexcept {
    const auto found = std::ranges::find_if(
        pairs_, [&](const auto& pair) { return pair.first == host.id || pair.first == host.name; });
    return found == pairs_.end() ? fallback_ : found->second;
}

}  // namespace aws_wrapper
