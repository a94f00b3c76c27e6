// SPDX-License-Identifier: Apache-2.0
#include "driver/mysql/connection_settings.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace aws_wrapper::mysql {

namespace {

enum class Use {
    honoured,    // a monitor does what the driver does, or is stricter
    refused,     // restricts, or is a way to log in, and a monitor can't do it
    irrelevant,  // restricts nothing that a monitor does
};

struct OptionRule {
    std::string_view name;
    Use use;
};

constexpr auto kOptionRules = std::to_array<OptionRule>({
    {"user", Use::honoured},
    {"password", Use::honoured},
    {"passwd", Use::honoured},
    {"password1", Use::honoured},
    {"auth_plugin", Use::honoured},
    {"use_pure", Use::honoured},
    {"ssl_ca", Use::honoured},
    {"ssl_cert", Use::honoured},
    {"ssl_key", Use::honoured},
    {"ssl_cipher", Use::honoured},
    {"ssl_verify_cert", Use::honoured},
    {"ssl_verify_identity", Use::honoured},
    {"ssl_disabled", Use::honoured},
    {"tls_versions", Use::honoured},
    {"tls_ciphersuites", Use::honoured},

    {"password2", Use::refused},
    {"password3", Use::refused},
    {"kerberos_auth_mode", Use::refused},
    {"krb_service_principal", Use::refused},
    {"oci_config_file", Use::refused},
    {"oci_config_profile", Use::refused},
    {"webauthn_callback", Use::refused},
    {"openid_token_file", Use::refused},
    // Read by the driver itself, so that nobody here knows what they demand.
    {"option_files", Use::refused},
    {"option_groups", Use::refused},

    {"loop", Use::irrelevant},  // of mysql.connector.aio
    {"host", Use::irrelevant},
    {"port", Use::irrelevant},
    {"unix_socket", Use::irrelevant},
    {"force_ipv6", Use::irrelevant},
    {"dns_srv", Use::irrelevant},
    {"failover", Use::irrelevant},
    {"database", Use::irrelevant},
    {"db", Use::irrelevant},
    {"dsn", Use::irrelevant},
    {"charset", Use::irrelevant},
    {"collation", Use::irrelevant},
    {"use_unicode", Use::irrelevant},
    {"converter_class", Use::irrelevant},
    {"converter_str_fallback", Use::irrelevant},
    {"autocommit", Use::irrelevant},
    {"time_zone", Use::irrelevant},
    {"sql_mode", Use::irrelevant},
    {"init_command", Use::irrelevant},
    {"get_warnings", Use::irrelevant},
    {"raise_on_warnings", Use::irrelevant},
    {"connection_timeout", Use::irrelevant},
    {"connect_timeout", Use::irrelevant},
    {"read_timeout", Use::irrelevant},
    {"write_timeout", Use::irrelevant},
    {"client_flags", Use::irrelevant},
    {"compress", Use::irrelevant},
    {"buffered", Use::irrelevant},
    {"raw", Use::irrelevant},
    {"consume_results", Use::irrelevant},
    {"allow_local_infile", Use::irrelevant},
    {"allow_local_infile_in_path", Use::irrelevant},
    {"conn_attrs", Use::irrelevant},
    {"pool_name", Use::irrelevant},
    {"pool_size", Use::irrelevant},
    {"pool_reset_session", Use::irrelevant},
});

const OptionRule* rule_of(std::string_view name) {
    const auto* const found = std::ranges::find(kOptionRules, name, &OptionRule::name);
    return found == kOptionRules.end() ? nullptr : found;
}

// The ways to log in that a monitor knows as well: libmariadb's own, and auth_plugins.cpp.
constexpr std::array<std::string_view, 3> kAuthPlugins{
    "mysql_native_password", "caching_sha2_password", "mysql_clear_password"};
constexpr std::string_view kTellsPassword = "mysql_clear_password";

// The items of "a,b", "[a, b]" or "['a', 'b']".
std::vector<std::string> items_of(std::string_view text) {
    std::vector<std::string> items(1);
    for (const char c : text) {
        if (c == ',') {
            items.emplace_back();
        } else if (std::string_view{"[]'\" "}.find(c) == std::string_view::npos) {
            items.back() += c;
        }
    }
    std::erase(items, "");
    return items;
}

void append(std::string& list, std::string_view item) {
    list += fmt::format("{}{}", list.empty() ? "" : ":", item);
}

}  // namespace

ConnectionSettings::ConnectionSettings(const LinkTarget& target)
    : target_{target}, unix_socket_{target.name.starts_with('/') ? target.name : std::string{}} {
    read();
}

void ConnectionSettings::read() {
    for (const auto& [name, text] : target_.options) {
        const auto* const rule = rule_of(name);
        if (rule == nullptr) {
            refuse(name, "is not known to them");
        } else if (rule->use == Use::refused && !text.empty()) {
            refuse(name, "is a way to log in that they don't know");
        }
    }
    if (unix_socket_.find('\0') != std::string::npos) {
        refuse("unix_socket", "is an abstract name, which libmariadb can't be given");
    }
    const bool disabled = is_set("ssl_disabled");
    uses_tls_ = !over_unix_socket() && !disabled;
    rules_.verifies_name = is_set("ssl_verify_identity");
    rules_.verifies = is_set("ssl_verify_cert") || rules_.verifies_name;
    read_versions();
    read_suites();

    const auto& plugin = value("auth_plugin");
    if (!plugin.empty() && std::ranges::find(kAuthPlugins, plugin) == kAuthPlugins.end()) {
        refuse("auth_plugin", fmt::format("is {}, which they don't know", plugin));
    }
    // The driver wants TLS for it before it hears which way to log in the server wants.
    const bool private_only = plugin == kTellsPassword && !over_unix_socket();
    if (private_only && disabled) {
        refuse("auth_plugin", "sends the password itself, and ssl_disabled forbids TLS");
    }
    rules_.needs_tls = uses_tls_ && (rules_.verifies || private_only);
    // The C build tells it to a server that asks for it only if the application wants that.
    const auto* const pure = given("use_pure");
    rules_.tells_password = plugin == kTellsPassword || pure == nullptr || is_set("use_pure");
}

// The driver's versions before 1.2 are never used, not even by itself.
void ConnectionSettings::read_versions() {
    rules_.oldest = TLS1_2_VERSION;
    rules_.newest = TLS1_3_VERSION;
    const auto* const text = given("tls_versions");
    if (text == nullptr) {
        return;
    }
    constexpr std::array<std::string_view, 3> kTooOld{"TLSv1", "TLSv1.0", "TLSv1.1"};
    bool older = false;
    bool newer = false;
    for (const auto& item : items_of(*text)) {
        older = older || item == "TLSv1.2";
        newer = newer || item == "TLSv1.3";
        if (item != "TLSv1.2" && item != "TLSv1.3" &&
            std::ranges::find(kTooOld, item) == kTooOld.end()) {
            refuse("tls_versions", fmt::format("names '{}', which is no version of TLS", item));
            return;
        }
    }
    if (!older && !newer) {
        refuse("tls_versions", "names none that is allowed");
        return;
    }
    rules_.oldest = older ? TLS1_2_VERSION : TLS1_3_VERSION;
    rules_.newest = newer ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (newer) {
        // What the driver's C build restricts itself to.
        rules_.suites = "TLS_AES_256_GCM_SHA384";
    }
}

// Names are IANA's or OpenSSL's. Those of one version leave the other as it is, as in the driver.
void ConnectionSettings::read_suites() {
    const auto* const text = given("tls_ciphersuites");
    if (text == nullptr) {
        return;
    }
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> any{::SSL_CTX_new(::TLS_client_method()),
                                                           &::SSL_CTX_free};
    std::string ciphers;
    std::string suites;
    for (const auto& item : items_of(*text)) {
        const std::string by_openssl = ::OPENSSL_cipher_name(item.c_str());
        const auto& name = by_openssl == "(NONE)" ? item : by_openssl;
        const bool plain = std::ranges::all_of(
            name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
        if (plain && ::SSL_CTX_set_ciphersuites(any.get(), name.c_str()) == 1) {
            append(suites, name);
        } else if (plain && name.find('-') != std::string::npos &&
                   ::SSL_CTX_set_cipher_list(any.get(), name.c_str()) == 1) {
            append(ciphers, name);
        } else {
            ::ERR_clear_error();
            refuse("tls_ciphersuites", fmt::format("names '{}', which they don't have", item));
            return;
        }
    }
    ::ERR_clear_error();
    if (ciphers.empty() && suites.empty()) {
        refuse("tls_ciphersuites", "names none");
    }
    rules_.ciphers = std::move(ciphers);
    if (!suites.empty()) {
        rules_.suites = std::move(suites);
    }
}

void ConnectionSettings::apply(MYSQL* connection) const {
    const unsigned int no = 0;
    ::mysql_optionsv(connection, MYSQL_OPT_LOCAL_INFILE, &no);
    ::mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    // Servers may be told to end idle sessions after minutes; a monitor would take that for
    // the end of its host.
    ::mysql_optionsv(connection, MYSQL_INIT_COMMAND, "SET SESSION wait_timeout = 86400");
    const unsigned int protocol = over_unix_socket() ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    ::mysql_optionsv(connection, MYSQL_OPT_PROTOCOL, &protocol);
    // The handshake does it, by the link's rules; without this, 3.4 wants TLS of every server.
    const my_bool not_verified = 0;
    ::mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &not_verified);
    if (uses_tls_) {
        apply_tls(connection);
    }
}

bool ConnectionSettings::connect(MYSQL* connection) const {
    const char* host = over_unix_socket() ? nullptr : target_.address.c_str();
    const char* socket = over_unix_socket() ? unix_socket_.c_str() : nullptr;
    return ::mysql_real_connect(connection, host, value("user").c_str(), password().c_str(),
                                nullptr, target_.port, socket, CLIENT_MULTI_STATEMENTS) != nullptr;
}

// Like mysql-connector: TLS where the server has it, unverified unless that is asked for.
void ConnectionSettings::apply_tls(MYSQL* connection) const {
    const my_bool yes = 1;
    ::mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &yes);
    if (rules_.verifies) {
        const auto& roots = value("ssl_ca");
        ::mysql_optionsv(connection, MYSQL_OPT_SSL_CA,
                         roots.empty() ? "/etc/ssl/certs/ca-certificates.crt" : roots.c_str());
    }
    constexpr std::array<std::pair<std::string_view, mysql_option>, 3> kTexts{{
        {"ssl_cert", MYSQL_OPT_SSL_CERT},
        {"ssl_key", MYSQL_OPT_SSL_KEY},
        {"ssl_cipher", MYSQL_OPT_SSL_CIPHER},
    }};
    for (const auto& [name, option] : kTexts) {
        if (!value(name).empty()) {
            ::mysql_optionsv(connection, option, value(name).c_str());
        }
    }
}

void ConnectionSettings::refuse(std::string_view name, std::string_view why) {
    if (!refusal_) {
        refusal_ = Failure{Errc::unsupported,
                           {},
                           fmt::format("monitors can't connect: the option {} {}", name, why)};
    }
}

const std::string* ConnectionSettings::given(std::string_view name) const {
    const auto& options = target_.options;
    const auto found =
        std::ranges::find(options, name, &std::pair<std::string, std::string>::first);
    return found == options.end() ? nullptr : &found->second;
}

const std::string& ConnectionSettings::value(std::string_view name) const {
    static const std::string kNone;
    const auto* const text = given(name);
    return text == nullptr ? kNone : *text;
}

bool ConnectionSettings::is_set(std::string_view name) {
    std::string word = value(name);
    std::ranges::transform(word, word.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    constexpr std::array<std::string_view, 4> kYes{"1", "true", "yes", "on"};
    constexpr std::array<std::string_view, 5> kNo{"", "0", "false", "no", "off"};
    if (std::ranges::find(kYes, word) != kYes.end()) {
        return true;
    }
    if (std::ranges::find(kNo, word) == kNo.end()) {
        refuse(name, fmt::format("is '{}', which is neither yes nor no", word));
    }
    return false;
}

// In the driver, too, the first of several passwords replaces the one.
const std::string& ConnectionSettings::password() const {
    for (const std::string_view name : {"password1", "password"}) {
        if (!value(name).empty()) {
            return value(name);
        }
    }
    return value("passwd");
}

}  // namespace aws_wrapper::mysql
