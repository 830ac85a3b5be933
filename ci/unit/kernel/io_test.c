// SPDX-License-Identifier: BSD-2-Clause
// Accesses to watched ports: what ends the machine is seen whatever its width, before it takes place; all else is carried out, and ends nothing.
#include <string.h>

#include <caps/debug.h>
#include <caps/exit_reason.h>
#include <caps/hypercall.h>

#include "../check.h"
#include "exit.h"
#include "inject.h"
#include "io.h"
#include "partition.h"
#include "power.h"
#include "step.h"
#include "vmcs.h"

// Exit qualification (SDM 3C table 28-5).
#define IN     (1u << 3)
#define STRING (1u << 4)
#define REP    (1u << 5)
#define PM1    0x604u
#define OTHER  0xb2u
#define RIP    0x1000u
#define LENGTH 2u

static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct cpu cpu __attribute__((aligned(CPU_BLOCK_BYTES)));
static uint64_t qualification, next;
static bool secrets, steps_in;
static unsigned outs, ins, steps, ends, faults;
static uint16_t last_port;
static uint32_t last_value;
static unsigned last_bytes;
static const char *ended;  // how

static bool is(uint64_t encoding, enum vmcs_field field) { return encoding == vmcs_field_info[field].encoding; }
uint64_t fake_vmread(uint64_t encoding)
{
    return is(encoding, VMCS_EXIT_QUALIFICATION) ? qualification : is(encoding, VMCS_EXIT_INSTRUCTION_LENGTH) ? LENGTH : 0;
}
void fake_vmwrite(uint64_t encoding, uint64_t value)
{
    CHECK(is(encoding, VMCS_GUEST_RIP));
    next = value;
}
void *fake_frame(void) { return &cpu; }
bool partition_secrets(void) { return secrets; }
bool step_io(struct cpu *on, uint16_t port, uint16_t bytes)
{
    CHECK(on == &cpu && port == (uint16_t)(qualification >> 16) && bytes == (qualification & 7) + 1);
    steps += steps_in;
    return steps_in;
}
void inject_gp(struct cpu *on, uint32_t error_code)
{
    CHECK(on == &cpu && error_code == 0);
    faults++;
}
void power_end(const char *stage)
{
    CHECK(outs == 0);  // before, not after
    ends++;
    ended = stage;
}
void fake_port_out(uint16_t port, unsigned bytes, uint32_t value)
{
    outs++;
    last_port = port;
    last_bytes = bytes;
    last_value = value;
}
uint32_t fake_port_in(uint16_t port, unsigned bytes)
{
    ins++;
    last_port = port;
    last_bytes = bytes;
    return 0x8765a55a;
}

static void start(void)
{
    info.end[0] = (struct boot_end){ PM1 + 1, 0x20, 0x20, true };
    info.end[1] = (struct boot_end){ PORT_KEYBOARD, 0xf1, 0xf0, false };
    info.end[2] = (struct boot_end){ PORT_SYSTEM_CONTROL, 1, 1, false };
    info.end[3] = (struct boot_end){ PORT_RESET, 4, 4, false };
    info.end[4] = (struct boot_end){ PORT_KEYBOARD, 0xff, 0xd1, false };
    info.end[5] = (struct boot_end){ OTHER, 0xff, 0, false };  // end[6]: none
}

static void exit_of(uint64_t what)
{
    outs = ins = steps = ends = faults = 0;
    next = 0;
    ended = "";
    cpu.rip = RIP;
    qualification = what;
    io_exit(&cpu);
}

static uint64_t access_of(uint16_t port, unsigned bytes) { return (uint64_t)port << 16 | (bytes - 1); }

// How that OUT ends the machine, "" for not at all. It is carried out in either case, once, as it is.
static const char *written(uint16_t port, unsigned bytes, uint32_t value)
{
    cpu.gpr[GPR_RAX] = 0xffffffff00000000ull | value;
    exit_of(access_of(port, bytes));
    CHECK(outs == 1 && ins == 0 && steps == 0 && ends <= 1 && next == RIP + LENGTH);
    CHECK(last_port == port && last_bytes == bytes && last_value == (bytes == 1 ? (uint8_t)value : bytes == 2 ? (uint16_t)value : value));
    return ended;
}

#define SAYS(how, port, bytes, value) CHECK(!strcmp(written(port, bytes, value), how))

// Wherever in an access a byte comes to its port, and whatever the others are, as long as they end nothing themselves.
static void everywhere(uint16_t port, uint8_t byte, const char *how)
{
    for (unsigned bytes = 1; bytes <= 4; bytes *= 2)
        for (unsigned at = 0; at < bytes; at++)
            for (unsigned others = 0; others < 2; others++) {
                const uint32_t rest = others ? 0xffffffffu : 0;
                const uint16_t first = (uint16_t)(port - at);
                if (first != PORT_PCI_ADDRESS || bytes != 4)
                    SAYS(how, first, bytes, (rest & ~(0xffu << 8 * at)) | (uint32_t)byte << 8 * at);
            }
}

TEST(a_byte_that_ends_the_machine_does_so_in_an_access_of_any_width)
{
    start();
    everywhere(PORT_RESET, 6, "reset");
    everywhere(PORT_RESET, 0x0e, "reset");
    everywhere(PORT_KEYBOARD, 0xfe, "reset");
    everywhere(PORT_KEYBOARD, 0xf0, "reset");
    everywhere(PORT_KEYBOARD, 0xd1, "reset");
    everywhere(PORT_SYSTEM_CONTROL, 1, "reset");
    everywhere(PORT_SYSTEM_CONTROL, 0xff, "reset");
    everywhere(OTHER, 0, "reset");
    everywhere(PM1 + 1, 0x34, "power-off");
}

TEST(other_bytes_there_end_nothing)
{
    start();
    everywhere(PORT_RESET, 2, "");
    everywhere(PORT_KEYBOARD, 0xff, "");  // no bit is pulsed
    everywhere(PORT_KEYBOARD, 0xd0, "");
    everywhere(PORT_KEYBOARD, 0xdf, "");
    everywhere(PORT_SYSTEM_CONTROL, 0xfe, "");
    everywhere(OTHER, 1, "");
    everywhere(PM1 + 1, 0x1c, "");
    SAYS("", PM1, 1, 0x20);
    SAYS("", PORT_RESET + 1, 4, 0xffffffff);
    SAYS("", PORT_KEYBOARD - 1, 1, 0xfe);
    SAYS("", 0xffff, 2, 0xffff);  // behind the last port comes the first one: no row is that of port 0
    SAYS("", 0, 4, 0);
}

TEST(a_pci_configuration_address_is_no_reset)
{
    start();
    SAYS("", 0xcf8, 4, 0xffffffff);
    SAYS("", 0xcf8, 4, 0x80000600);
    SAYS("reset", 0xcf8, 2, 0x0600);
    SAYS("reset", 0xcf7, 4, 0x00060000);
    SAYS("reset", 0xcf9, 4, 0x00000006);
}

TEST(what_lies_above_the_access_does_not_count)
{
    start();
    SAYS("", PORT_KEYBOARD - 1, 1, 0xfe00);
    SAYS("", PORT_RESET - 1, 1, 0x0600);
    SAYS("", PORT_RESET - 2, 2, 0x060000);
    SAYS("", PORT_KEYBOARD, 1, 0xfe00);
}

TEST(the_emulators_word_is_a_power_off)
{
    start();
    static const char word[] = "ShutShutdown";
    for (unsigned i = 0; i + 1 < sizeof(word); i++)
        SAYS(i + 2 < sizeof(word) ? "" : "power-off", PORT_BOCHS_SHUTDOWN, 1, (uint8_t)word[i]);
}

TEST(string_io_is_an_end_where_there_are_secrets)
{
    start();
    static const uint64_t forms[] = { STRING, STRING | REP, STRING | IN, STRING | REP | IN };
    steps_in = true;
    for (unsigned i = 0; i < 8; i++) {
        secrets = i & 1;
        exit_of(access_of(PORT_KEYBOARD, 1) | forms[i / 2]);
        CHECK(steps == 1 && outs == 0 && ins == 0 && next == 0 && ends == secrets && faults == 0);
        CHECK(!strcmp(ended, secrets ? "reset" : ""));
    }
}

TEST(string_io_of_an_l2_is_a_step_where_its_ports_can_be_opened_and_ends_nothing)
{
    start();
    cpu.level = ORIGIN_L2;
    for (unsigned i = 0; i < 8; i++) {
        secrets = i & 1;
        steps_in = i & 4;
        exit_of(access_of(PORT_KEYBOARD, 1) | STRING | (i & 2 ? IN : 0));
        CHECK(faults == !steps_in && steps == steps_in && outs == 0 && ins == 0 && next == 0 && ends == 0);
    }
    cpu.level = ORIGIN_L1;
}

TEST(reads_end_nothing)
{
    start();
    secrets = true;
    static const uint32_t is[] = { 0x5a, 0xa55a, 0, 0x8765a55a };
    for (unsigned bytes = 1; bytes <= 4; bytes *= 2) {
        cpu.gpr[GPR_RAX] = ~0ull;
        exit_of(access_of(PORT_KEYBOARD, bytes) | IN);
        CHECK(ins == 1 && outs == 0 && steps == 0 && ends == 0 && last_bytes == bytes && last_port == PORT_KEYBOARD && next == RIP + LENGTH);
        CHECK_EQ(cpu.gpr[GPR_RAX], bytes == 4 ? is[3] : (~0ull << 8 * bytes) | is[bytes - 1]);
    }
}

TEST(the_debuggers_ports_are_nobodys)
{
    start();
    info.debug = 1;
    secrets = true;
    for (unsigned form = 0; form < 4; form++) {
        cpu.gpr[GPR_RAX] = 0;
        exit_of(access_of(DEBUG_PORT, 1) | (form & 1 ? IN : 0) | (form & 2 ? STRING : 0));
        CHECK(outs == 0 && ins == 0 && steps == 0 && ends == 0 && next == RIP + LENGTH);
        CHECK_EQ(cpu.gpr[GPR_RAX], form == 1 ? 0x60 : 0);  // a line status without a byte
    }
}

static bool claimed(enum msg_origin level, uint16_t first, uint16_t last, uint64_t what)
{
    static struct event event;
    const struct route_cap range = { .kind = ROUTE_RANGE, .origin = (uint8_t)level, .reason = EXIT_IO, .first = first, .last = last };
    event.qualification = what;
    cpu.event = &event;
    cpu.level = level;
    const bool found = io_claimed(&cpu, &range);
    cpu.level = ORIGIN_L1;
    return found;
}

TEST(only_in_eax_at_its_port_is_a_hypercall)
{
    for (unsigned bytes = 1; bytes <= 4; bytes *= 2)
        for (unsigned form = 0; form < 4; form++)
            CHECK(claimed(ORIGIN_L1, HYPERCALL_PORT, HYPERCALL_PORT, access_of(HYPERCALL_PORT, bytes) | (form & 1 ? IN : 0) | (form & 2 ? STRING : 0)) ==
                  (bytes == 4 && form == 1));
    CHECK(!claimed(ORIGIN_L1, HYPERCALL_PORT, HYPERCALL_PORT, access_of(HYPERCALL_PORT - 1, 4) | IN));
}

// By its definition: some byte of the access is at a port of the range. Ports wrap.
static bool touches(uint16_t first, uint16_t last, uint16_t port, unsigned bytes)
{
    bool found = false;
    for (unsigned i = 0; i < bytes; i++)
        found |= (uint16_t)(port + i) >= first && (uint16_t)(port + i) <= last;
    return found;
}

TEST(an_l2s_access_is_claimed_by_any_of_its_bytes)
{
    static const uint16_t range[][2] = { { 0, 0 }, { 1, 2 }, { 0x60, 0x60 }, { 0x7ffe, 0x8001 }, { 0xfffe, 0xffff }, { 0xffff, 0xffff }, { 0, 0xffff }, { 3, 0x100 } };
    for (unsigned i = 0; i < sizeof(range) / sizeof(range[0]); i++)
        for (unsigned bytes = 1; bytes <= 4; bytes *= 2)
            for (unsigned port = 0; port < 0x10000; port++) {
                const uint64_t form = (port & 1 ? IN : 0) | (port & 2 ? STRING : 0) | (port & 4 ? REP : 0);
                if (claimed(ORIGIN_L2, range[i][0], range[i][1], access_of((uint16_t)port, bytes) | form) != touches(range[i][0], range[i][1], (uint16_t)port, bytes))
                    CHECK_EQ(port, 0x10000);
            }
}
