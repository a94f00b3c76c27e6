/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian's libpq.a refers to OpenLDAP for one thing: looking a service name up in a directory.
 * Monitors connect by the parameters of a live connection and never name a service, so these
 * stand in and say "no directory"; without them libldap, GnuTLS and SASL would be loaded.
 */
struct berval;
struct timeval;

void *ldap_init(const char *host, int port);
int ldap_simple_bind(void *ld, const char *who, const char *password);
int ldap_unbind(void *ld);
int ldap_result(void *ld, int id, int all, struct timeval *timeout, void **result);
int ldap_msgfree(void *message);
int ldap_set_option(void *ld, int option, const void *value);
int ldap_search_st(void *ld, const char *base, int scope, const char *filter, char **attributes,
                   int only, struct timeval *timeout, void **result);
int ldap_count_entries(void *ld, void *chain);
void *ldap_first_entry(void *ld, void *chain);
char *ldap_first_attribute(void *ld, void *entry, void **position);
struct berval **ldap_get_values_len(void *ld, void *entry, const char *attribute);
void ldap_value_free_len(struct berval **values);
char *ldap_err2string(int error);
void ber_free(void *ber, int free_buffer);

enum { kServerDown = -1 };

void *ldap_init(const char *host, int port) {
    (void)host;
    (void)port;
    return 0;
}
int ldap_simple_bind(void *ld, const char *who, const char *password) {
    (void)ld;
    (void)who;
    (void)password;
    return kServerDown;
}
int ldap_unbind(void *ld) {
    (void)ld;
    return kServerDown;
}
int ldap_result(void *ld, int id, int all, struct timeval *timeout, void **result) {
    (void)ld;
    (void)id;
    (void)all;
    (void)timeout;
    (void)result;
    return kServerDown;
}
int ldap_msgfree(void *message) {
    (void)message;
    return 0;
}
int ldap_set_option(void *ld, int option, const void *value) {
    (void)ld;
    (void)option;
    (void)value;
    return kServerDown;
}
int ldap_search_st(void *ld, const char *base, int scope, const char *filter, char **attributes,
                   int only, struct timeval *timeout, void **result) {
    (void)ld;
    (void)base;
    (void)scope;
    (void)filter;
    (void)attributes;
    (void)only;
    (void)timeout;
    (void)result;
    return kServerDown;
}
int ldap_count_entries(void *ld, void *chain) {
    (void)ld;
    (void)chain;
    return 0;
}
void *ldap_first_entry(void *ld, void *chain) {
    (void)ld;
    (void)chain;
    return 0;
}
char *ldap_first_attribute(void *ld, void *entry, void **position) {
    (void)ld;
    (void)entry;
    (void)position;
    return 0;
}
struct berval **ldap_get_values_len(void *ld, void *entry, const char *attribute) {
    (void)ld;
    (void)entry;
    (void)attribute;
    return 0;
}
void ldap_value_free_len(struct berval **values) { (void)values; }
char *ldap_err2string(int error) {
    (void)error;
    return "this libpq has no directory look-up";
}
void ber_free(void *ber, int free_buffer) {
    (void)ber;
    (void)free_buffer;
}
