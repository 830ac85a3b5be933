// SPDX-License-Identifier: BSD-2-Clause
// Steps over writes that vanish: all that the instruction writes to is open at the same time, and nothing after its end, to no device either. And how an L2
// exits for an event.
#include "../check.h"
#include "cpu.h"
#include "ept01.h"
#include "ept02.h"
#include "inject.h"
#include "init_sipi.h"
#include "log.h"
#include "shootdown.h"
#include "step.h"
#include "vmcs.h"
#include "vmcs02.h"
#include "vtd.h"

#define ROOT 3u
static struct cpu cpu __attribute__((aligned(CPU_BLOCK_BYTES)));
static struct vmcs02 l2;
static unsigned shootdowns, forgets, opened01, opened02, closed01, closed02;  // bit n: page n
static uint64_t eptp, proc, blocking, injected, activity;
static uint32_t trapped;

static bool is(uint64_t encoding, enum vmcs_field field) { return encoding == vmcs_field_info[field].encoding; }
uint64_t fake_vmread(uint64_t encoding)
{
    return is(encoding, VMCS_EPTP) ? eptp : is(encoding, VMCS_PROC_CONTROLS) ? proc : is(encoding, VMCS_GUEST_INTERRUPTIBILITY) ? blocking
         : is(encoding, VMCS_ENTRY_INTR_INFO) ? injected : is(encoding, VMCS_GUEST_ACTIVITY_STATE) ? activity : 0;
}
void fake_vmwrite(uint64_t encoding, uint64_t value)
{
    CHECK(is(encoding, VMCS_ENTRY_INTR_INFO));
    injected = value;
}
void *fake_frame(void) { return &cpu; }
void vmcs_control(struct cpu *on, enum vmcs_field field, uint32_t bits, bool set)
{
    CHECK(on == &cpu && field == VMCS_PROC_CONTROLS);
    trapped = set ? trapped | bits : trapped & ~bits;
}
void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
enum status ept01_decoy(gpa1_t page, bool writable)
{
    CHECK(shootdowns == 0 && forgets == 0);
    *(writable ? &opened01 : &closed01) |= 1u << (page.v >> PAGE_BITS);
    return STATUS_OK;
}
uint64_t ept02_taken(uint32_t root, gpa2_t page, enum ept02_taken what)
{
    CHECK(root == ROOT && shootdowns == 0 && forgets == 0);
    *(what == TAKEN_OPEN ? &opened02 : &closed02) |= 1u << (page.v >> PAGE_BITS);
    return 0;
}
uint32_t vmcs02_root(const struct vmcs02 *vmcs02)
{
    CHECK(vmcs02 == &l2);
    return ROOT;
}
static unsigned ports_open;  // how many bytes from ports_first on
static uint16_t ports_first;
static bool l0s;
bool vmcs02_ports(struct vmcs02 *vmcs02, uint16_t port, unsigned bytes, bool open)
{
    CHECK(vmcs02 == &l2 && (open || (port == ports_first && bytes == ports_open)));
    ports_first = port;
    ports_open = open ? bytes : 0;
    return !l0s;
}
void shootdown(void) { shootdowns++; }
void vtd_forget(void) { forgets++; }

// A write at that address of the code to that page, and the end of its step: the instruction is done, or not.
static void write_until(uint64_t rip, uint64_t page, bool done)
{
    shootdowns = forgets = opened01 = opened02 = closed01 = closed02 = 0;
    cpu.rip = rip;
    step_write(&cpu, page);
    CHECK(cpu.stepping);
    step_end(&cpu, done);
    CHECK(shootdowns == 1 && forgets == (opened01 != 0) && !cpu.stepping && opened01 == closed01 && opened02 == closed02);
}

static void write_at(uint64_t rip, uint64_t page) { write_until(rip, page, false); }

static void start(enum msg_origin level, uint64_t tag)
{
    cpu = (struct cpu){ .level = level, .vmcs02 = &l2 };
    l2.tag = tag;
    eptp = 0x1000;
}

TEST(a_step_over_a_write_to_hidden_memory)
{
    start(ORIGIN_L1, 0);
    write_at(0x100, 0x5000);
    CHECK(opened01 == 1 << 5 && opened02 == 0);
    start(ORIGIN_L2, 0);
    write_at(0x100, 0x5000);
    CHECK(opened01 == 1 << 5 && opened02 == 0);
}

TEST(a_step_over_a_write_of_an_l2_with_a_tree_of_its_own)
{
    start(ORIGIN_L2, 0x7000);
    write_at(0x100, 0x5000);
    CHECK(opened01 == 0 && opened02 == 1 << 5);
}

TEST(an_instruction_that_writes_to_several_pages_has_them_all)
{
    start(ORIGIN_L2, 0x7000);
    write_at(0x100, 0x5000);
    write_at(0x100, 0x6000);
    CHECK_EQ(opened02, 3u << 5);
    for (unsigned i = 0; i < 100; i++)
        write_at(0x100, i % 2 ? 0x5000 : 0x6000);
    CHECK_EQ(opened02, 3u << 5);
}

TEST(another_instruction_has_only_its_own)
{
    start(ORIGIN_L2, 0x7000);
    write_at(0x100, 0x5000);
    write_at(0x104, 0x6000);
    CHECK_EQ(opened02, 1u << 6);
    eptp = 0x2000;  // at the same address, somebody else's
    write_at(0x104, 0x7000);
    CHECK_EQ(opened02, 1u << 7);
}

TEST(one_that_is_done_has_no_more_than_it_needs_the_next_time)
{
    start(ORIGIN_L2, 0x7000);
    write_at(0x100, 0x5000);
    write_until(0x100, 0x6000, true);
    CHECK_EQ(opened02, 3u << 5);
    write_at(0x100, 0x7000);  // the next round of a loop
    CHECK_EQ(opened02, 1u << 7);
}

TEST(a_step_that_an_l2s_hypervisor_takes_as_well_leaves_it_its_trap_flag)
{
    start(ORIGIN_L2, 0x7000);
    proc = trapped = PROC_MONITOR_TRAP_FLAG;
    write_until(0x100, 0x5000, true);
    CHECK_EQ(trapped, PROC_MONITOR_TRAP_FLAG);
    proc = trapped = 0;
    write_until(0x100, 0x5000, true);
    CHECK_EQ(trapped, 0);
}

TEST(a_step_over_anything_else)
{
    start(ORIGIN_L1, 0);
    write_at(0x100, 0x5000);
    shootdowns = forgets = opened01 = closed01 = 0;
    step_begin(&cpu);
    step_end(&cpu, false);
    CHECK(opened01 == 0 && closed01 == 0 && shootdowns == 0 && forgets == 0);
}

// What an L2 with an NMI or INIT pending is entered with: an MTF exit that is injected, or the trap flag.
static bool event_is_injected(void)
{
    const uint64_t before = injected;
    start(ORIGIN_L2, 0);
    cpu.step.event = true;
    trapped = 0;
    step_begin(&cpu);
    const bool injects = injected != before;
    CHECK(cpu.stepping && injected == (injects ? EVENT_VALID | EVENT_TYPE_OTHER << 8 : before) && trapped == (injects ? 0 : PROC_MONITOR_TRAP_FLAG));
    step_end(&cpu, false);
    CHECK(!cpu.stepping && trapped == 0);
    injected = proc = blocking = activity = 0;
    return injects;
}

TEST(an_event_exits_before_the_first_instruction)
{
    CHECK(event_is_injected());
    blocking = BLOCKING_NMI;
    proc = PROC_NMI_WINDOW_EXITING;
    CHECK(event_is_injected());
    activity = ACTIVITY_HLT;
    CHECK(event_is_injected());
}

TEST(an_event_exits_behind_what_comes_before_it)
{
    proc = PROC_NMI_WINDOW_EXITING;
    CHECK(!event_is_injected());
    injected = EVENT_VALID | EVENT_TYPE_INTERRUPT << 8 | 0x40;
    CHECK(!event_is_injected());
    activity = ACTIVITY_HLT + 1;
    CHECK(!event_is_injected());
}

// The flag's exit is its hypervisor's, too: it would step over nothing.
TEST(an_event_exits_behind_a_step_of_its_hypervisors)
{
    start(ORIGIN_L2, 0);
    proc = trapped = PROC_MONITOR_TRAP_FLAG;
    cpu.step.event = true;
    step_begin(&cpu);
    CHECK(cpu.stepping && cpu.step.trap_was_on && injected == 0);
    step_end(&cpu, true);
    CHECK_EQ(trapped, PROC_MONITOR_TRAP_FLAG);
    proc = trapped = 0;
}

TEST(an_event_exits_behind_an_instruction_that_blocks_interrupts)
{
    blocking = BLOCKING_STI;
    CHECK(!event_is_injected());
    blocking = BLOCKING_MOV_SS;
    CHECK(!event_is_injected());
}

TEST(string_io_of_an_l2_has_its_ports_for_a_step_and_no_others)
{
    start(ORIGIN_L2, 0x7000);
    proc = trapped = PROC_USE_IO_BITMAPS;  // which stay in use: its hypervisor has bits there
    CHECK(step_io(&cpu, 0x84, 2));
    CHECK(cpu.stepping && ports_first == 0x84 && ports_open == 2 && trapped == (PROC_USE_IO_BITMAPS | PROC_MONITOR_TRAP_FLAG));
    step_end(&cpu, false);
    CHECK(!cpu.stepping && ports_open == 0 && trapped == PROC_USE_IO_BITMAPS);
    step_begin(&cpu);  // another one
    CHECK(ports_open == 0);
    step_end(&cpu, true);
    l0s = true;
    CHECK(!step_io(&cpu, 0x63, 4));
    CHECK(!cpu.stepping && ports_open == 0 && trapped == PROC_USE_IO_BITMAPS);
    l0s = false;
    proc = trapped = 0;
}

TEST(string_io_of_l1_has_all_ports_for_a_step)
{
    start(ORIGIN_L1, 0);
    proc = trapped = PROC_USE_IO_BITMAPS;
    CHECK(step_io(&cpu, 0x64, 1));
    CHECK(cpu.stepping && trapped == PROC_MONITOR_TRAP_FLAG && ports_open == 0);
    step_end(&cpu, true);
    CHECK(!cpu.stepping && trapped == PROC_USE_IO_BITMAPS);
    proc = trapped = 0;
}
