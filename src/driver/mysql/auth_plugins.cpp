// SPDX-License-Identifier: Apache-2.0
#include "driver/mysql/auth_plugins.hpp"

#include <errmsg.h>
#include <mysql/client_plugin.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace aws_wrapper::mysql {

namespace {

constexpr int kScrambleBytes = 20;  // and a zero behind them
// What the server answers to a scramble of caching_sha2_password.
constexpr unsigned char kKnowsIt = 3;
constexpr unsigned char kWantsThePassword = 4;

LoginHooks hooks{};

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

int refuse(MYSQL* mysql, unsigned number, const char* why) {
    mysql->methods->set_error(mysql, number, "HY000", "%s", why);
    return CR_ERROR;
}

bool is_private(MYSQL* mysql) {
    return mysql->unix_socket != nullptr || ::mysql_get_ssl_cipher(mysql) != nullptr;
}

// The server reads it up to its zero.
int send_password(MYSQL_PLUGIN_VIO* vio, MYSQL* mysql) {
    if (!is_private(mysql)) {
        return refuse(mysql, CR_AUTH_PLUGIN_ERR,
                      "the server wants the password itself, which is sent over TLS only");
    }
    const auto* password = reinterpret_cast<const unsigned char*>(mysql->passwd);
    const auto length = static_cast<int>(std::strlen(mysql->passwd)) + 1;
    return vio->write_packet(vio, password, length) == 0 ? CR_OK : CR_ERROR;
}

// The server may be anybody: see the driver's C build, which wants to be told so by auth_plugin.
int log_in_by_clear_password(MYSQL_PLUGIN_VIO* vio, MYSQL* mysql) {
    if (!hooks.tells_password()) {
        return refuse(mysql, CR_AUTH_PLUGIN_ERR,
                      "the server wants the password itself, which is sent only if auth_plugin "
                      "is mysql_clear_password");
    }
    return send_password(vio, mysql);
}

// An empty answer, by the name of a plugin that no server has: it then names its own.
int take_first_step(MYSQL_PLUGIN_VIO* vio, MYSQL* mysql) {
    if (const char* why = hooks.before_login(mysql); why != nullptr) {
        return refuse(mysql, CR_SSL_CONNECTION_ERROR, why);
    }
    return vio->write_packet(vio, nullptr, 0) == 0 ? CR_OK : CR_ERROR;
}

// MySQL's documentation, "Caching_sha2_password information":
// SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble).
Digest scrambled(const char* password, const unsigned char* scramble) {
    Digest once{};
    ::SHA256(reinterpret_cast<const unsigned char*>(password), std::strlen(password), once.data());
    std::array<unsigned char, SHA256_DIGEST_LENGTH + kScrambleBytes> twice_and_scramble{};
    ::SHA256(once.data(), once.size(), twice_and_scramble.data());
    std::copy_n(scramble, kScrambleBytes, twice_and_scramble.begin() + SHA256_DIGEST_LENGTH);
    Digest result{};
    ::SHA256(twice_and_scramble.data(), twice_and_scramble.size(), result.data());
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] ^= once[i];
    }
    return result;
}

int log_in_by_caching_sha2(MYSQL_PLUGIN_VIO* vio, MYSQL* mysql) {
    unsigned char* packet = nullptr;
    const int length = vio->read_packet(vio, &packet);
    if (length < 0) {
        return CR_ERROR;
    }
    if (length < kScrambleBytes) {
        return refuse(mysql, CR_SERVER_HANDSHAKE_ERR, "the server's scramble is too short");
    }
    if (mysql->passwd == nullptr || mysql->passwd[0] == '\0') {
        return vio->write_packet(vio, nullptr, 0) == 0 ? CR_OK : CR_ERROR;
    }
    const auto answer = scrambled(mysql->passwd, packet);
    if (vio->write_packet(vio, answer.data(), static_cast<int>(answer.size())) != 0) {
        return CR_ERROR;
    }
    if (vio->read_packet(vio, &packet) != 1) {
        return CR_ERROR;
    }
    if (*packet == kKnowsIt) {
        return CR_OK;
    }
    return *packet == kWantsThePassword ? send_password(vio, mysql) : CR_ERROR;
}

st_mysql_client_plugin_AUTHENTICATION plugin(const char* name,
                                             int (*log_in)(MYSQL_PLUGIN_VIO*, MYSQL*)) {
    st_mysql_client_plugin_AUTHENTICATION made{};
    made.type = MYSQL_CLIENT_AUTHENTICATION_PLUGIN;
    made.interface_version = MYSQL_CLIENT_AUTHENTICATION_PLUGIN_INTERFACE_VERSION;
    made.name = name;
    made.author = "aws_wrapper";
    made.desc = name;
    made.version[0] = 1;
    made.license = "Apache-2.0";
    made.authenticate_user = log_in;
    return made;
}

}  // namespace

void register_auth_plugins(MYSQL* mysql, LoginHooks given) {
    static std::array plugins{plugin(kFirstStep, &take_first_step),
                              plugin("caching_sha2_password", &log_in_by_caching_sha2),
                              plugin("mysql_clear_password", &log_in_by_clear_password)};
    hooks = given;
    for (auto& made : plugins) {
        ::mysql_client_register_plugin(mysql, reinterpret_cast<st_mysql_client_plugin*>(&made));
    }
}

}  // namespace aws_wrapper::mysql
