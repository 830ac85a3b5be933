// SPDX-License-Identifier: BSD-2-Clause
// Who holds a VMCS02.
#include "holders.h"

#include <string.h>

#include "../../nestvmx/vmcs12.h"
#include "check.h"
#include "harness.h"

static uint32_t holder[VMCS02_MAX];  // CPU + 1
static bool formatted[VMCS02_MAX];
static uint32_t ops_seen;            // of world_op
static const struct op *last_op;     // of the batch that is being checked
static bool cleared[VMCS02_MAX];     // by it

// Those that the harness has applied since.
static void catch_up(void)
{
    for (; ops_seen != world_ops; ops_seen++) {
        const struct op *op = &world_op[ops_seen % WORLD_OPS];
        if (op->code == OP_VMCS_CLEAR)
            holder[op->object - VMCS_HANDLE_02] = 0;
    }
}

static enum status hold(uint32_t vmcs02)
{
    if (!formatted[vmcs02])
        return STATUS_BAD_STATE;
    if (holder[vmcs02] != 0 && holder[vmcs02] != world_cpu + 1)
        return STATUS_BUSY;
    holder[vmcs02] = world_cpu + 1;
    return STATUS_OK;
}

static enum status check_vmcs02(const struct op *op, uint32_t vmcs02)
{
    if (op->code == OP_VMCS_RESET)
        formatted[vmcs02] = true;
    const enum status status = hold(vmcs02);
    if (status != STATUS_OK)
        return status;
    if (cleared[vmcs02])
        return STATUS_BAD_STATE;
    cleared[vmcs02] = op->code == OP_VMCS_CLEAR;
    return STATUS_OK;
}

static enum status check(const struct reply *rep, const struct op *op)
{
    catch_up();
    if (op == rep->op || last_op == NULL)
        memset(cleared, 0, sizeof(cleared));
    last_op = op;
    switch ((enum op_code)op->code) {
    case OP_COPY_GROUPS:
        if (op->a >= VMCS_HANDLE_02 && check_vmcs02(op, op->a - VMCS_HANDLE_02) != STATUS_OK)
            return STATUS_BAD_STATE;
        return op->object >= VMCS_HANDLE_02 ? check_vmcs02(op, op->object - VMCS_HANDLE_02) : STATUS_OK;
    case OP_WRITE_FIELD: case OP_WRITE_GROUPS: case OP_VMCS_RESET: case OP_VMCS_CLEAR: case OP_VMCS_EPT: case OP_VMCS_FLUSH: case OP_BITMAP:
        if (op->code == OP_VMCS_EPT && op->b == ~0ull)
            return STATUS_BAD_ARG;
        return op->object >= VMCS_HANDLE_02 ? check_vmcs02(op, op->object - VMCS_HANDLE_02) : STATUS_OK;
    case OP_MSR_WRITE:
        return op->a % 3 == 0 ? STATUS_UNSUPPORTED : STATUS_OK;
    default:
        return STATUS_OK;
    }
}

static enum status read_msr(uint32_t msr, uint64_t *value)
{
    *value = (uint64_t)msr << 20 | 1;  // never WORLD_POISON
    return msr % 5 == 0 ? STATUS_UNSUPPORTED : STATUS_OK;
}

// nestvmx's only one: ept's INVEPT.
static enum status answer_call(uint32_t index, const uint64_t arg[MSG_ARGS], uint64_t result[MSG_ARGS])
{
    (void)index, (void)arg, (void)result;
    return STATUS_OK;
}

uint64_t __real_syscall_fetch(uint64_t handle, uint64_t groups, uint64_t bank);
uint64_t __wrap_syscall_fetch(uint64_t handle, uint64_t groups, uint64_t bank);
uint64_t __wrap_syscall_fetch(uint64_t handle, uint64_t groups, uint64_t bank)
{
    catch_up();
    const enum status status = handle >= VMCS_HANDLE_02 && handle < VMCS_HANDLE_02 + VMCS02_MAX ? hold((uint32_t)handle - VMCS_HANDLE_02) : STATUS_OK;
    return status != STATUS_OK ? status : __real_syscall_fetch(handle, groups, bank);
}

// MSG_INIT of a partition that was reloaded: its ordinary memory is as in its image, so that nobody is in the table of VMCS12s.
void __real_vmcap_init(void);
void __wrap_vmcap_init(void);
void __wrap_vmcap_init(void)
{
    struct message m = { .locked = true };
    vmcs12_unlock(&m);
    __real_vmcap_init();
}

void holders_init(void)
{
    world_check_op = check;
    world_read_msr = read_msr;
    world_answer_call = answer_call;
}

bool holders_may_enter(uint32_t vmcs02)
{
    catch_up();
    return hold(vmcs02) == STATUS_OK;
}

void holders_forget(void)
{
    catch_up();
    memset(holder, 0, sizeof(holder));
}
