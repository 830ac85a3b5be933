// SPDX-License-Identifier: BSD-2-Clause
// What of bulkhead.conf can be judged only when the whole file is known. Pure.
#include "conf_parser.h"
#include "text.h"

// partition_count: it has none of that name.
static unsigned partition_of(const struct conf_workload *w, const char *name)
{
    unsigned i = 0;
    while (i < w->partition_count && !text_equal(w->partition[i], name))
        i++;
    return i;
}

// They are partitions as the others, behind those.
static void add_loadable(struct parser *p, struct conf_workload *w)
{
    p->line = w->loadable_line;
    if (w->loadable_count && !p->conf->has_load_key)
        conf_fail(p, "loadable: there is no load_key, whose signature would be asked for");
    for (unsigned i = 0; i < w->loadable_count; i++) {
        if (partition_of(w, w->loadable_name[i]) < w->partition_count) {
            conf_fail(p, "loadable: partition %s is among partitions already, and so there from the boot on", w->loadable_name[i]);
        } else if (w->partition_count == BOOT_PARTITIONS) {
            conf_fail(p, "loadable: more than %u partitions with those of partitions", BOOT_PARTITIONS);
        } else {
            w->loadable |= 1u << w->partition_count;
            text_format(w->partition[w->partition_count++], CAP_NAME, "%s", w->loadable_name[i]);
        }
    }
}

void conf_check(struct parser *p)
{
    struct conf *conf = p->conf;
    for (unsigned i = 0; i < conf->workload_count; i++) {
        struct conf_workload *w = &conf->workload[i];
        p->line = w->line;
        if (!w->next[0])
            conf_fail(p, "[workload %s] has no next", w->name);
        add_loadable(p, w);
        p->line = w->inject_line;
        for (struct conf_inject *inject = w->inject; inject < w->inject + w->inject_count; inject++) {
            inject->partition = partition_of(w, inject->name);
            if (inject->partition == w->partition_count)
                conf_fail(p, "inject: [workload %s] has no partition %s", w->name, inject->name);
        }
        p->line = w->injectable_line;
        for (unsigned j = 0; j < w->injectable_count; j++) {
            const unsigned partition = partition_of(w, w->injectable_name[j]);
            if (partition == w->partition_count)
                conf_fail(p, "injectable: [workload %s] has no partition %s", w->name, w->injectable_name[j]);
            else
                w->injectable |= 1u << partition;
        }
        const unsigned debugged = partition_of(w, w->debug_name);
        w->debug = debugged < w->partition_count ? debugged + 1 : 0;
        p->line = w->debug_line;
        if (w->debug_name[0] && !w->debug)
            conf_fail(p, "debug: [workload %s] has no partition %s", w->name, w->debug_name);
        for (unsigned n = 0; n < w->inject_count; n++)
            if (w->debug && w->inject[n].partition == w->debug - 1)
                conf_fail(p, "debug: partition %s is to have faults injected", w->debug_name);
        if (w->debug && w->injectable >> (w->debug - 1) & 1)
            conf_fail(p, "debug: partition %s is injectable", w->debug_name);
        if (w->debug && w->loadable >> (w->debug - 1) & 1)
            conf_fail(p, "debug: partition %s is loadable", w->debug_name);
    }
    p->line = conf->chosen_line;
    bool found = !conf->chosen[0];
    for (unsigned i = 0; i < conf->workload_count; i++)
        found = found || text_equal(conf->workload[i].name, conf->chosen);
    if (!found)
        conf_fail(p, "default: there is no [workload %s]", conf->chosen);
}
