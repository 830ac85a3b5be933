// SPDX-License-Identifier: BSD-2-Clause
// Steps over writes that vanish: all that the instruction writes to is open at the same time, and nothing after its end, to no device either.
#include "../check.h"
#include "cpu.h"
#include "ept01.h"
#include "ept02.h"
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
static uint64_t eptp;

uint64_t fake_vmread(uint64_t encoding) { return encoding == vmcs_field_info[VMCS_EPTP].encoding ? eptp : 0; }
void fake_vmwrite(uint64_t encoding, uint64_t value) { (void)encoding, (void)value; }
void *fake_frame(void) { return &cpu; }
void vmcs_control(struct cpu *on, enum vmcs_field field, uint32_t bits, bool set) { (void)on, (void)field, (void)bits, (void)set; }
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
void shootdown(void) { shootdowns++; }
void vtd_forget(void) { forgets++; }

// A write at that address of the code to that page, and the end of its step.
static void write_at(uint64_t rip, uint64_t page)
{
    shootdowns = forgets = opened01 = opened02 = closed01 = closed02 = 0;
    cpu.rip = rip;
    step_write(&cpu, page);
    CHECK(cpu.stepping);
    step_end(&cpu);
    CHECK(shootdowns == 1 && forgets == 1 && !cpu.stepping && opened01 == closed01 && opened02 == closed02);
}

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

TEST(a_step_over_anything_else)
{
    start(ORIGIN_L1, 0);
    write_at(0x100, 0x5000);
    shootdowns = forgets = opened01 = closed01 = 0;
    step_begin(&cpu);
    step_end(&cpu);
    CHECK(opened01 == 0 && closed01 == 0 && shootdowns == 0 && forgets == 0);
}
