// SPDX-License-Identifier: BSD-2-Clause
// System calls of partitions.

#include <caps/debug.h>
#include <caps/syscall.h>

#include "cap.h"
#include "fault.h"
#include "group.h"
#include "handle.h"
#include "inject.h"
#include "invoke.h"
#include "ipc.h"
#include "loadable.h"
#include "log.h"
#include "msr_l1.h"
#include "port.h"
#include "reply.h"
#include "upcall.h"
#include "vmcs.h"
#include "watchdog.h"

// One system call's work. The status goes to the partition, or is its fault where *fault is set.
typedef enum status syscall_t(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault);

// What no partition asks for that keeps to its header.
static enum status refuse(bool *fault, enum status status)
{
    *fault = true;
    return status;
}

static struct partition_cpu *slot_of(struct partition *partition, const struct cpu *cpu) { return partition->slot[cpu->index]; }

static enum status syscall_invoke(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault)
{
    struct partition_cpu *slot = slot_of(partition, cpu);
    struct reply *reply = &slot->channel->reply[ring_slot(slot->sequence)].reply;
    struct batch *batch = cpu->batch;
    (void)arg;
    if (slot->message->flags & REQUEST_OBSERVED)
        return refuse(fault, STATUS_DENIED);
    enum status status = batch_decode(batch, cpu, partition, reply);
    if (status == STATUS_OK) {
        slot->wrote_event |= batch->wrote_event;
        status = batch_invoke(batch, cpu);
    } else {
        batch_abandon(batch);
        *fault = !batch_status_returned(status);
    }
    reply->op_count = 0;
    return status;
}

static enum status syscall_fetch(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault)
{
    struct partition_cpu *slot = slot_of(partition, cpu);
    struct vmcs_target target;
    uint64_t handle = arg[0], groups = arg[1], bank = arg[2];
    if (bank >= MSG_BANKS || handle > 0xffff || !cap_check(&partition->header, CAP_READ, (uint32_t)handle, groups))
        return refuse(fault, STATUS_DENIED);
    TRY(handle_resolve(cpu, partition, (uint32_t)handle, &target));
    vmcs_select(cpu, target.region);
    group_read(cpu, groups, slot->channel->request[ring_slot(slot->sequence)].request.field[bank]);
    return STATUS_OK;
}

static enum status syscall_call(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault)
{
    struct outbox *outbox = &slot_of(partition, cpu)->channel->out.outbox;
    uint64_t call_arg[MSG_ARGS];
    const struct message message = { .kind = MSG_CALL, .origin = (uint8_t)cpu->level, .from = partition->index, .arg = call_arg };
    struct answer answer;
    if (arg[0] > 0xffff || !cap_check(&partition->header, CAP_CALL, (uint32_t)arg[0], 0))
        return refuse(fault, STATUS_DENIED);
    for (unsigned i = 0; i < MSG_ARGS; i++)
        call_arg[i] = *(const volatile uint64_t *)&outbox->call_arg[i];
    TRY(ipc_send(cpu, partition->callee[arg[0]], &message, &answer));
    for (unsigned i = 0; i < MSG_ARGS; i++)
        outbox->call_result[i] = answer.arg[i];
    return answer.status < STATUS_COUNT ? (enum status)answer.status : STATUS_BAD_STATE;
}

static enum status syscall_log(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault)
{
    const volatile char *from = slot_of(partition, cpu)->channel->out.outbox.text;
    char text[OUTBOX_TEXT + 1];
    uint64_t level = arg[0], bytes = arg[1];
    bool bad = level >= LOG_LEVELS || bytes > OUTBOX_TEXT;
    if (bad || !cap_check(&partition->header, CAP_RIGHT, RIGHT_LOG, 0))
        return refuse(fault, bad ? STATUS_BAD_ARG : STATUS_DENIED);
    for (uint64_t i = 0; i < bytes; i++) {
        char letter = from[i];
        text[i] = letter;
        if (letter < ' ' || letter > '~')  // one line is one line
            text[i] = '?';
    }
    text[bytes] = 0;
    log_line((enum log_level)level, "%s: %s", partition->name, text);
    return STATUS_OK;
}

static enum status syscall_read_msr(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault)
{
    uint64_t value;
    if (arg[0] > 0xffffffff || !cap_check(&partition->header, CAP_RIGHT, RIGHT_MSR, 0))
        return refuse(fault, STATUS_DENIED);
    if (!msr_read_l1(cpu, (uint32_t)arg[0], &value))
        return STATUS_UNSUPPORTED;
    slot_of(partition, cpu)->channel->out.outbox.call_result[0] = value;
    return STATUS_OK;
}

static enum status syscall_port(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault)
{
    if (arg[0] >= DEBUG_PORTS || !cap_check(&partition->header, CAP_RIGHT, RIGHT_DEBUG, 0))
        return refuse(fault, STATUS_DENIED);
    if (arg[1] != 0)
        port_out8((uint16_t)(DEBUG_PORT + arg[0]), (uint8_t)arg[2]);
    else
        slot_of(partition, cpu)->channel->out.outbox.call_result[0] = port_in8((uint16_t)(DEBUG_PORT + arg[0]));
    return STATUS_OK;
}

static enum status syscall_load(struct cpu *cpu, struct partition *partition, const uint64_t arg[3], bool *fault)
{
    if (!cap_check(&partition->header, CAP_RIGHT, RIGHT_LOAD, 0) || arg[0] >= PARTITION_MAX || !(boot_info->loadable >> arg[0] & 1) || arg[1] > 1)
        return refuse(fault, STATUS_DENIED);
    return loadable_set(partition_at((uint32_t)arg[0]), cpu, arg[1] == 1);
}

int64_t syscall_enter(uint64_t number, uint64_t a, uint64_t b, uint64_t c, const struct syscall_frame *frame)
{
    static syscall_t *const table[SYS_COUNT] = {
        [SYS_INVOKE] = syscall_invoke, [SYS_FETCH] = syscall_fetch, [SYS_CALL] = syscall_call, [SYS_LOG] = syscall_log,
        [SYS_READ_MSR] = syscall_read_msr, [SYS_PORT] = syscall_port, [SYS_LOAD] = syscall_load,
    };
    struct cpu *cpu = cpu_self();
    struct partition *partition = cpu->partition;
    enum status status = STATUS_BAD_CALL;
    bool fault = true;
    if (frame->rip >= USER_END || frame->rsp >= USER_END) {
        status = STATUS_BAD_ARG;
    } else if (number < SYS_COUNT && table[number] != NULL) {
        fault = false;
        status = table[number](cpu, partition, (const uint64_t[]){ a, b, c }, &fault);
    }
    if (fault) {
        fault_syscall(partition, cpu, number, status, frame);
        return UPCALL_FAULTED;
    }
    if (partition_stopping(partition, cpu))
        return UPCALL_ABORTED;
    if (watchdog_expired(cpu)) {  // its NMI may have come in here each time
        const struct trap_frame at = { .rip = frame->rip, .rsp = frame->rsp, .gpr[GPR_RBP] = frame->rbp };
        fault_trap(partition, cpu, VECTOR_NMI, 0, 0, &at);
        return UPCALL_FAULTED;
    }
    return (int64_t)(status | (slot_of(partition, cpu)->steps > 0 ? SYSCALL_STEP : 0));
}
