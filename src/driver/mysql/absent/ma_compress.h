/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian's libmariadb-dev lacks this header, which its mysql/client_plugin.h includes for the sake
 * of plugins that compress. We have none; only the name of a type is wanted.
 */
#pragma once

typedef struct ma_compress_ctx ma_compress_ctx;
