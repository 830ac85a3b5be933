// SPDX-License-Identifier: BSD-2-Clause
// Which workload: by the load options, else by the file. Pure.
#include "conf.h"

#include "text.h"

// The NAME of workload=NAME in the load options, a word of its own; false where there is none. A name that is too long or odd comes
// out cut, and so matches no workload that could be defined.
static bool options_workload(const uint16_t *options, size_t count, char name[CONF_NAME + 1])
{
    static const char word[] = "workload=";
    for (size_t i = 0; i < count; i++) {
        if (i && options[i - 1] != ' ' && options[i - 1] != '\t')
            continue;
        size_t j = 0;
        while (word[j] && i + j < count && options[i + j] == (uint16_t)word[j])
            j++;
        if (word[j])
            continue;
        size_t length = 0;
        for (i += j; i < count && options[i] && options[i] != ' ' && options[i] != '\t' && length < CONF_NAME; i++)
            name[length++] = options[i] > ' ' && options[i] < 0x7f ? (char)options[i] : '?';
        name[length] = 0;
        return true;
    }
    return false;
}

const struct conf_workload *conf_choose(const struct conf *conf, const uint16_t *options, size_t bytes, char error[CONF_ERROR_TEXT])
{
    char name[CONF_NAME + 1];
    const char *wanted = conf->chosen;
    if (options && options_workload(options, bytes / sizeof(*options), name))
        wanted = name;
    for (unsigned i = 0; i < conf->workload_count; i++)
        if (text_equal(conf->workload[i].name, wanted))
            return &conf->workload[i];
    if (wanted == name)
        text_format(error, CONF_ERROR_TEXT, "bulkhead.conf: no [workload %s], which the load options ask for", name);
    else
        text_format(error, CONF_ERROR_TEXT, "bulkhead.conf: no default, and no workload=NAME in the load options");
    return 0;
}
