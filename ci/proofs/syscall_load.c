// SPDX-License-Identifier: BSD-2-Clause
// Proof: SYS_LOAD loads and unloads only partitions that the configuration names, for a partition with the right; whatever else is asked for is its fault (I4).
// CBMC: unwind=2 replace=loadable_set:contract_set
#include "no_machine.h"
#include "proof.h"

#include "../../kernel/syscall.c"

static struct cpu cpu;
static struct partition caller, all[PARTITION_MAX];
static struct boot_info info;
const struct boot_info *boot_info = &info;
static uint64_t arg[3];
static unsigned calls;

struct partition *partition_at(uint32_t index)
{
    PROVE(index < PARTITION_MAX, "one that there is");
    return &all[index];
}

enum status loadable_set(struct partition *partition, struct cpu *self, bool on);
enum status contract_set(struct partition *partition, struct cpu *self, bool on)
{
    calls++;
    PROVE(caller.header.rights & RIGHT_LOAD, "by right");
    PROVE(self == &cpu && partition == &all[arg[0]] && (info.loadable >> arg[0] & 1), "where the configuration lets it");
    PROVE(arg[1] <= 1 && on == (arg[1] == 1), "on or off");
    return STATUS_BUSY;
}

int main(void)
{
    bool fault = false;
    caller.header.rights = any_u32();
    info.loadable = any_u32();
    arg[0] = any_u64(), arg[1] = any_u64(), arg[2] = any_u64();
    const enum status status = syscall_load(&cpu, &caller, arg, &fault);
    PROVE(fault == (calls == 0) && calls <= 1, "else a fault");
    PROVE(status == (fault ? STATUS_DENIED : STATUS_BUSY), "what came of it");
    return 0;
}
