// SPDX-License-Identifier: BSD-2-Clause
// report: reads the records, all of them but where PALs were, and nothing else.

#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <caps/hypercall.h>
#include <caps/inject.h>
#include <caps/records.h>

#include "harness.h"
#include "world_op.h"

#define CPUS 2

// (Under the name that the runtime knows as constant.)
extern struct region { struct records records; struct records_cpu cpu[CPUS]; union request_slot ring[2][CPUS][RING_SLOTS]; } region __asm__("rt_records");
struct region region __asm__("rt_records") __attribute__((used));

static void fill(void)
{
    uint64_t *word = (uint64_t *)&region;
    for (unsigned i = 0; i < sizeof(region) / sizeof(*word); i++)
        word[i] = i * 0x9e3779b97f4a7c15ull;
    region.records.machine.bytes = sizeof(region);
    region.records.machine.cpu_count = CPUS;
    region.records.machine.partition_count = 2;
    region.records.machine.channels[0] = region.records.machine.channels[1] = 0x1000;
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        for (unsigned i = 0; i < EVENT_SLOTS; i++)
            region.cpu[cpu].events.slot[i].level = i % 2 == 0 ? ORIGIN_L1 : ORIGIN_L2;
}

// The hypercall whose registers are set, which is answered.
static void by_port(void)
{
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = (uint64_t)HYPERCALL_PORT << 16 | 0xb;  // IN EAX
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP] = 0x1000;
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_INSTRUCTION_LENGTH] = 1;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_IO, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP], 0x1001);
}

// RAX.
static uint64_t line(uint64_t offset)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        world_gpr[i] = ~(uint64_t)i;
    world_gpr[GPR_RAX] = HYPERCALL_REPORT_READ;
    world_gpr[GPR_RBX] = offset;
    by_port();
    CHECK_EQ(world_gpr[GPR_RBX], offset);
    for (unsigned i = GPR_RCX; i < GPR_R8; i++)
        if (i != GPR_RBX)
            CHECK_EQ(world_gpr[i], ~(uint64_t)i);
    return world_gpr[GPR_RAX];
}

// All lines, read: seen.
static struct region seen;
static void read_all(void)
{
    for (uint64_t offset = 0; offset < sizeof(region); offset += REPORT_LINE) {
        CHECK_EQ(line(offset), REPORT_LINE);
        memcpy((uint8_t *)&seen + offset, &world_gpr[GPR_R8], REPORT_LINE);
    }
}

static void hide(struct event *event) { event->rip = event->qualification = 0; }

// Of the event that is written next nobody knows whose it is.
TEST(every_line_is_read)
{
    fill();
    read_all();
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        hide(&region.cpu[cpu].events.slot[region.cpu[cpu].events.next % EVENT_SLOTS]);
    CHECK(memcmp(&seen, &region, sizeof(region)) == 0);
}

#define PALS_RIP     0x5ec2e7000ull
#define PALS_ADDRESS 0x5ec2e7fffull

TEST(of_a_pals_exits_nothing_is_read_but_that_they_were)
{
    static const struct { unsigned kind; bool told; } row[] = { { EVENT_EXIT, false }, { EVENT_MESSAGE, false }, { EVENT_FAULT, true }, { EVENT_DMA, true } };
    static const unsigned places[] = { 0, 1, 2, 3, 127, 128, 510, EVENT_SLOTS - 2, EVENT_SLOTS - 1 };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        fill();
        for (unsigned cpu = 0; cpu < CPUS; cpu++)
            for (unsigned place = 0; place < sizeof(places) / sizeof(places[0]); place++)
                region.cpu[cpu].events.slot[places[place]] = (struct event){ .tsc = 7, .rip = PALS_RIP, .qualification = PALS_ADDRESS,
                    .head = EVENT_HEAD(row[i].kind, ORIGIN_PAL, EXIT_EPT_VIOLATION) | (uint64_t)EVENT_END(ORIGIN_L1, 412) << 32 };
        for (unsigned cpu = 0; cpu < CPUS; cpu++)
            region.cpu[cpu].events.next = 600;
        read_all();
        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            hide(&region.cpu[cpu].events.slot[600]);
            for (unsigned place = 0; place < sizeof(places) / sizeof(places[0]) && !row[i].told; place++)
                hide(&region.cpu[cpu].events.slot[places[place]]);
        }
        CHECK(memcmp(&seen, &region, sizeof(region)) == 0);
    }
}

TEST(events_of_no_level_and_no_kind_that_there_is_are_read)
{
    fill();
    region.cpu[1].events.slot[5].head = ~0ull;
    region.cpu[1].events.next = ~0u;
    read_all();
    CHECK_EQ(seen.cpu[1].events.slot[5].rip, region.cpu[1].events.slot[5].rip);
    CHECK_EQ(seen.cpu[1].events.slot[EVENT_SLOTS - 2].rip, region.cpu[1].events.slot[EVENT_SLOTS - 2].rip);
    CHECK_EQ(seen.cpu[1].events.slot[EVENT_SLOTS - 1].rip, 0);
}

// The other CPU goes on while a line is read, from when its first event is looked at: it has written events up to that one, and of that one all but what says whose it is.
#define BUSY 300u  // its number; far from where the ring begins
static uint32_t events_meanwhile;
static unsigned faults;

static void meanwhile(int signal, siginfo_t *info, void *context)
{
    struct event_ring *ring = &region.cpu[1].events;
    (void)signal, (void)context;
    if (faults++ != 0 || (uint8_t *)info->si_addr < (uint8_t *)ring + PAGE_BYTES || mprotect(ring, sizeof(*ring) / PAGE_BYTES * PAGE_BYTES, PROT_READ | PROT_WRITE) != 0)
        _exit(1);
    ring->next += events_meanwhile;
    ring->slot[BUSY].qualification = PALS_ADDRESS;
    ring->slot[BUSY].rip = PALS_RIP;
}

TEST(an_event_that_is_written_meanwhile_is_nobodys)
{
    static const uint32_t written[] = { 1, 2, 57, EVENT_SLOTS - 1, EVENT_SLOTS, 5 * EVENT_SLOTS };
    const struct sigaction action = { .sa_sigaction = meanwhile, .sa_flags = SA_SIGINFO };
    struct sigaction before;
    CHECK_EQ(sigaction(SIGSEGV, &action, &before), 0);
    for (unsigned i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
        fill();
        struct event_ring *ring = &region.cpu[1].events;
        const uint64_t busy = offsetof(struct region, cpu[1].events.slot[BUSY]);
        ring->next = 3 * EVENT_SLOTS + BUSY - written[i] % EVENT_SLOTS;
        events_meanwhile = written[i];
        for (uint64_t offset = busy / REPORT_LINE * REPORT_LINE; offset < busy + sizeof(struct event); offset += REPORT_LINE) {
            const uint32_t next = ring->next;
            faults = 0;
            CHECK_EQ(mprotect((uint8_t *)ring + PAGE_BYTES, sizeof(*ring) / PAGE_BYTES * PAGE_BYTES - PAGE_BYTES, PROT_NONE), 0);
            CHECK_EQ(line(offset), REPORT_LINE);
            CHECK_EQ(faults, 1);
            for (unsigned gpr = GPR_R8; gpr < GPR_COUNT; gpr++)
                CHECK(world_gpr[gpr] != PALS_RIP && world_gpr[gpr] != PALS_ADDRESS);
            ring->next = next;
        }
    }
    CHECK_EQ(sigaction(SIGSEGV, &before, NULL), 0);
}

TEST(messages_that_nobody_is_to_see_are_not_there)
{
    for (unsigned hidden = 0; hidden < 2; hidden++) {
        fill();
        region.records.machine.channels[hidden] = 0;  // not mapped then
        for (uint64_t offset = offsetof(struct region, ring); offset < sizeof(region); offset += REPORT_LINE)
            CHECK_EQ(line(offset), (offset >= offsetof(struct region, ring[1])) == hidden ? 0 : REPORT_LINE);
        CHECK_EQ(line(offsetof(struct region, ring) - REPORT_LINE), REPORT_LINE);
    }
}

TEST(nothing_but_lines_is_read)
{
    static const uint64_t bad[] = { sizeof(region), sizeof(region) + REPORT_LINE, sizeof(region) - 8, 1, 8, 63, 65, 1ull << 32, 1ull << 63, ~0ull,
                                    0ull - REPORT_LINE };
    fill();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(line(bad[i]), 0);
        for (unsigned gpr = GPR_R8; gpr < GPR_COUNT; gpr++)
            CHECK_EQ(world_gpr[gpr], ~(uint64_t)gpr);
    }
}

TEST(other_numbers_are_others)
{
    fill();
    static const uint64_t number[] = { HYPERCALL_REPORT_INJECT + 1, HYPERCALL_REPORT_READ - 1, HYPERCALL_NULL, HYPERCALL_REPORT_READ | 1ull << 32, ~0ull };
    for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
        world_gpr[GPR_RAX] = number[i];
        world_gpr[GPR_RBX] = 0;
        world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = (uint64_t)HYPERCALL_PORT << 16 | 0xb;
        const struct reply *rep = world_exit(ORIGIN_L1, EXIT_IO, NULL);
        CHECK_EQ(rep->verdict, VERDICT_FORWARD);
        CHECK_EQ(rep->op_count, 0);
        CHECK_EQ(rep->set, 0);
    }
}

TEST(vmcall_needs_no_privilege_and_is_not_answered)
{
    world_gpr[GPR_RAX] = HYPERCALL_REPORT_READ;
    CHECK(!world_routed(ORIGIN_L1, EXIT_VMCALL));
    CHECK(!world_routed(ORIGIN_L2, EXIT_IO));
}

TEST(init_needs_nothing)
{
    CHECK_EQ(world_init(0, 0)->verdict, VERDICT_RETURN);
}

static enum status kernel_says;
static enum status answer_op(const struct reply *rep, const struct op *op)
{
    (void)rep;
    return op->code == OP_INJECT ? kernel_says : STATUS_OK;
}

// RAX.
static uint64_t inject(uint64_t partition, uint64_t kind, uint64_t number, uint64_t instruction)
{
    world_check_op = answer_op;
    world_gpr[GPR_RAX] = HYPERCALL_REPORT_INJECT;
    world_gpr[GPR_RBX] = partition, world_gpr[GPR_RCX] = kind, world_gpr[GPR_RSI] = number, world_gpr[GPR_RDI] = instruction;
    by_port();
    return world_gpr[GPR_RAX];
}

TEST(a_fault_is_asked_for)
{
    static const enum status says[] = { STATUS_OK, STATUS_BUSY, STATUS_UNSUPPORTED };
    for (unsigned i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        kernel_says = says[i];
        CHECK_EQ(inject(3, INJECT_HANG, 1000, 77), says[i]);
    }
    CHECK_EQ(world_count(OP_INJECT), 1);  // what the kernel refuses is not done
    const struct op *op = world_last(OP_INJECT);
    CHECK(op->object == 3 && op->a == INJECT_HANG && op->b == 1000 && op->c == 77);
}

TEST(what_no_operation_can_say_is_refused)
{
    static const uint64_t bad[][4] = { { PARTITION_MAX, INJECT_UD, 1, 0 }, { 1ull << 32, INJECT_UD, 1, 0 }, { ~0ull, INJECT_UD, 1, 0 }, { 0, INJECT_NONE, 1, 0 },
        { 0, INJECT_UD_TWICE, 1, 0 }, { 0, INJECT_PANIC, 1, 0 }, { 0, INJECT_KERNEL_PF, 1, 0 }, { 0, 1ull << 32 | INJECT_UD, 1, 0 }, { 0, INJECT_UD, 0, 0 },
        { 0, INJECT_UD, 1ull << 32, 0 }, { 0, INJECT_UD, 1, 1ull << 32 }, { 0, INJECT_UD, ~0ull, ~0ull } };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(inject(bad[i][0], bad[i][1], bad[i][2], bad[i][3]), STATUS_BAD_ARG);
    CHECK_EQ(world_count(OP_INJECT), 0);
}
