// SPDX-License-Identifier: BSD-2-Clause
// bulkhead.conf and load options of any bytes: refused with a line, or chosen from.
#include "../../kernel/loader/conf.h"

#include <stdlib.h>

#include "check.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct conf conf;
    struct input input = { data, bytes };
    char error[CONF_ERROR_TEXT];
    size_t options = 2 * take_below(&input, 32), text = input.left > options ? input.left - options : 0;
    uint16_t *wide = calloc(1, options ? options : 1);
    char *copy = malloc(text ? text : 1);  // where the address sanitizer sees a read behind the end
    memcpy(wide, input.next, input.left - text);
    memcpy(copy, input.next + input.left - text, text);
    memset(error, 'x', sizeof(error));
    if (conf_parse(&conf, copy, text, error)) {
        const struct conf_workload *workload = conf_choose(&conf, wide, options, error);
        CHECK(workload != NULL || strnlen(error, sizeof(error)) < sizeof(error));
        CHECK(conf.memory % (2u << 20) == 0);
        CHECK(workload == NULL || (workload >= conf.workload && workload < conf.workload + conf.workload_count));
    } else {
        CHECK(strnlen(error, sizeof(error)) < sizeof(error));
    }
    CHECK(conf.workload_count <= CONF_WORKLOADS);
    for (unsigned i = 0; i < conf.workload_count; i++) {
        const struct conf_workload *workload = &conf.workload[i];
        CHECK(workload->partition_count <= BOOT_PARTITIONS && strnlen(workload->name, CONF_NAME) < CONF_NAME);
        CHECK(strnlen(workload->next, CONF_PATH) < CONF_PATH && strnlen(workload->options, CONF_OPTIONS) < CONF_OPTIONS);
    }
    free(copy);
    free(wide);
    return 0;
}
