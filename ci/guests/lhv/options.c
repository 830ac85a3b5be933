// SPDX-License-Identifier: BSD-2-Clause
// The command line.

#include <stddef.h>

#include "options.h"

struct options options = { .iterations = 1, .seed = 1, .fuzz = 200 };

static bool begins(const char *text, const char *with, const char **rest)
{
    for (; *with != '\0'; with++, text++) {
        if (*text != *with)
            return false;
    }
    *rest = text;
    return true;
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static bool take(const char *word)
{
    const char *rest;
    if (begins(word, "trace", &rest) && *rest == '\0') {
        options.trace = true;
    } else if (begins(word, "hardware", &rest) && *rest == '\0') {
        options.hardware = true;
    } else if (begins(word, "noept", &rest) && *rest == '\0') {
        options.no_ept = true;
    } else if (begins(word, "novpid", &rest) && *rest == '\0') {
        options.no_vpid = true;
    } else if (begins(word, "watched", &rest) && *rest == '\0') {
        options.watched = true;
    } else if (begins(word, "fuzz=", &rest)) {
        options.fuzz = number(rest);
    } else if (begins(word, "seed=", &rest)) {
        options.seed = number(rest);
    } else if (begins(word, "iterations=", &rest)) {
        options.iterations = number(rest);
    } else if (begins(word, "random=", &rest)) {
        options.random = number(rest);
    } else if (begins(word, "abort=", &rest)) {
        options.abort = number(rest);
    } else if (begins(word, "only=", &rest)) {
        for (unsigned i = 0; i < sizeof(options.only) - 1 && rest[i] != '\0'; i++)
            options.only[i] = rest[i];
    } else {
        return false;
    }
    return true;
}

bool options_parse(const CHAR16 *text, char bad[OPTION_MAX])
{
    while (*text != 0) {
        unsigned length = 0;
        while (*text == ' ')
            text++;
        for (; *text != 0 && *text != ' ' && length < OPTION_MAX - 1; text++)
            bad[length++] = (char)*text;
        bad[length] = '\0';
        if (length > 0 && !take(bad))
            return false;
    }
    return true;
}

static bool at_end(const char *only) { return *only == '\0' || *only == ','; }

// Goes on in `only` behind what text has; false where they differ.
static bool match(const char **only, const char *text)
{
    for (; !at_end(*only) && *text != '\0'; (*only)++, text++) {
        if (**only != *text)
            return false;
    }
    return true;
}

bool options_wants(const char *theme, const char *name, const char *part)
{
    for (const char *one = options.only;; one++) {
        const char *only = one;
        if (match(&only, theme) && match(&only, ".") && match(&only, name) &&
            (part == NULL || (match(&only, ".") && match(&only, part))) && at_end(only))
            return true;
        while (!at_end(one))
            one++;
        if (*one == '\0')
            return false;
    }
}
