// SPDX-License-Identifier: BSD-2-Clause
// The end of a step in which writes went to a scratch page: nobody reaches that page any more, no device either.
#include "../check.h"
#include "cpu.h"
#include "ept01.h"
#include "log.h"
#include "shootdown.h"
#include "step.h"
#include "vmcs.h"
#include "vtd.h"

static struct cpu cpu;
static unsigned decoys, shootdowns, forgets;

uint64_t fake_vmread(uint64_t encoding) { return encoding & 0; }
void fake_vmwrite(uint64_t encoding, uint64_t value) { (void)encoding, (void)value; }
void *fake_frame(void) { return &cpu; }
void vmcs_control(struct cpu *on, enum vmcs_field field, uint32_t bits, bool set) { (void)on, (void)field, (void)bits, (void)set; }
void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
enum status ept01_decoy(gpa1_t page, bool writable)
{
    CHECK(page.v == 0x5000 && !writable && shootdowns == 0 && forgets == 0);
    decoys++;
    return STATUS_OK;
}
void shootdown(void) { shootdowns++; }
void vtd_forget(void) { forgets++; }

TEST(a_step_over_a_write_to_hidden_memory)
{
    cpu.stepping = true;
    cpu.step = (struct step){ .trap_was_on = true, .decoy_count = 1, .decoy = { { 0x5000 } } };
    step_end(&cpu);
    CHECK(decoys == 1 && shootdowns == 1 && forgets == 1 && !cpu.stepping && cpu.step.decoy_count == 0);
}

TEST(a_step_over_anything_else)
{
    cpu.stepping = true;
    cpu.step = (struct step){ .trap_was_on = true };
    step_end(&cpu);
    CHECK(decoys == 0 && shootdowns == 0 && forgets == 0);
}
