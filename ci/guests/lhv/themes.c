// SPDX-License-Identifier: BSD-2-Clause
// All themes.

#include "test.h"

#define THEME(name, pairs)         \
    void name##_tests(void);       \
    static const struct theme theme_##name = { #name, name##_tests, pairs };
#include "themes.def"
#undef THEME

const struct theme *const themes[] = {
#define THEME(name, pairs) &theme_##name,
#include "themes.def"
#undef THEME
    NULL,
};
