/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into a client of the lab: getaddrinfo() looks into the file NSS_WRAPPER_HOSTS
 * first, anew in every call. It keeps no state, so any number of threads may look names up while
 * the file is replaced. nss_wrapper 1.1.12 frees its table under other threads' feet there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Lines are "address name"; a trailing dot and the case of `name` don't matter. */
static int find(const char *name, char address[64]) {
    const char *path = getenv("NSS_WRAPPER_HOSTS");
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t length = strlen(name);
    char line[512], known[256];
    int found = 0;

    if (!file) return 0;
    if (length && name[length - 1] == '.') --length;
    while (!found && fgets(line, sizeof line, file))
        found = sscanf(line, "%63s %255s", address, known) == 2 && strlen(known) == length &&
                strncasecmp(known, name, length) == 0;
    fclose(file);
    return found;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
    lookup *next = (lookup *)(size_t)dlsym(RTLD_NEXT, "getaddrinfo");
    char address[64];

    if (!node || !find(node, address)) return next(node, service, hints, result);
    int error = next(address, service, hints, result);
    if (!error && (*result)->ai_canonname) {
        char *name = strdup(node);
        if (name) {
            free((*result)->ai_canonname);
            (*result)->ai_canonname = name;
        }
    }
    return error;
}
