// SPDX-License-Identifier: Apache-2.0
#include <aws_wrapper/settings.hpp>

#include <algorithm>
#include <array>
#include <numeric>

#include <fmt/format.h>

#include <model/driver_keywords.hpp>
#include <model/property_prefixes.hpp>
#include <model/text.hpp>

namespace aws_wrapper {

namespace {

// Equal for the purpose of finding what was meant.
std::string folded(std::string_view name) {
    std::string result = text::lower(name);
    std::ranges::replace(result, '-', '_');
    return result;
}

// Levenshtein's distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> above(b.size());
    std::iota(above.begin(), above.end(), std::size_t{1});
    std::size_t distance = b.size();
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = i;
        distance = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = above[j];
            distance = std::min({substituted, distance + 1, above[j] + 1});
            above[j] = distance;
        }
    }
    return distance;
}

bool is_drivers(std::string_view name) {
    return std::ranges::any_of(std::array{DatabaseFamily::postgresql, DatabaseFamily::mysql},
                               [name](auto family) {
                                   const auto keywords = driver_keywords(family);
                                   return std::ranges::find(keywords, name) != keywords.end();
                               });
}

// What nobody knows may be a mistyped "password".
bool hides_value(std::string_view name) {
    const std::string_view bare = without_prefix(name);
    if (const PropertyInfo* info = find_property(bare)) {
        return info->secret;
    }
    const std::string low = text::lower(bare);
    return !is_drivers(bare) ||
           std::ranges::any_of(
               std::array{"password", "passwd", "secret", "token", "scram_"},
               [&low](std::string_view part) { return low.find(part) != std::string::npos; });
}

// libpq takes a whole connection string as `dbname`.
bool holds_password(const ParameterValue& value) {
    const auto* given = std::get_if<std::string>(&value);
    const std::string low = text::lower(given != nullptr ? *given : std::string{});
    const auto follows = [&low](std::string_view first, char then) {
        const std::size_t at = low.find(first);
        return at != std::string::npos && low.find(then, at) != std::string::npos;
    };
    return follows("://", '@') || follows("password", '=');
}

}  // namespace

const char* to_string(PropertyType type) noexcept {
    switch (type) {
        case PropertyType::boolean: return "boolean";
        case PropertyType::integer: return "integer";
        case PropertyType::seconds: return "seconds";
        case PropertyType::milliseconds: return "milliseconds";
        case PropertyType::list: return "list";
        case PropertyType::choice: return "choice";
        case PropertyType::text: break;
    }
    return "text";
}

const char* to_string(PropertyEffect effect) noexcept {
    switch (effect) {
        case PropertyEffect::accepted: return "accepted";
        case PropertyEffect::to_come: return "to come";
        case PropertyEffect::active: break;
    }
    return "active";
}

std::string default_text(const PropertyInfo& info) {
    struct Visitor {
        PropertyType type;
        std::string operator()(std::monostate) const { return {}; }
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t number) const { return std::to_string(number); }
        std::string operator()(Milliseconds time) const {
            return type == PropertyType::seconds
                       ? fmt::format("{}", static_cast<double>(time.count()) / 1000)
                       : std::to_string(time.count());
        }
        std::string operator()(std::string_view text) const { return std::string{text}; }
    };
    return std::visit(Visitor{info.type}, info.fallback);
}

PropertyList split_list(std::string_view text) {
    PropertyList items;
    for (const std::string_view part : text::split(text, ',')) {
        if (const std::string_view item = text::trimmed(part); !item.empty()) {
            items.push_back(item);
        }
    }
    return items;
}

std::optional<std::string> nearest_property_name(std::string_view unknown, DatabaseFamily family) {
    if (const auto prefix = parameter_prefix(unknown); !prefix.empty()) {
        const auto nearest = nearest_property_name(without_prefix(unknown), family);
        return nearest ? std::optional{std::string{prefix} + *nearest} : std::nullopt;
    }
    const auto keywords = driver_keywords(family);
    if (find_property(unknown) != nullptr ||
        std::ranges::find(keywords, unknown) != keywords.end()) {
        return std::nullopt;
    }
    const std::string wanted = folded(unknown);
    std::size_t best_distance = std::max<std::size_t>(2, unknown.size() / 3) + 1;
    std::string_view best;
    const auto consider = [&](std::string_view name) {
        const std::size_t distance = edit_distance(wanted, name);
        if (distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    };
    std::ranges::for_each(property_table(), consider, &PropertyInfo::name);
    std::ranges::for_each(keywords, consider);
    return best.empty() ? std::nullopt : std::optional{std::string{best}};
}

std::string masked(const Parameters& parameters) {
    if (parameters.empty()) {
        return "<empty>";
    }
    std::string result;
    for (const auto& [name, value] : parameters) {
        const bool hidden = hides_value(name) || holds_password(value);
        result += fmt::format("{}{}={}", result.empty() ? "" : ", ", name,
                              hidden ? "***" : to_text(value));
    }
    return result;
}

}  // namespace aws_wrapper
