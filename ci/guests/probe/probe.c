// SPDX-License-Identifier: BSD-2-Clause
// probe.efi: calls partitions in ways that only tests do, and says on COM1 what came of it.

#include "console.h"
#include "cpu_insn.h"
#include "probe.h"
#include "trap.h"

// gnu-efi's start code calls it by the System V convention; by the second name in later versions.
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

uint64_t probe_page[512] __attribute__((aligned(4096)));

static struct registers calling;

static void call(void)
{
    __asm__ volatile("vmcall" : "+a"(calling.rax), "+b"(calling.rbx), "+c"(calling.rcx), "+d"(calling.rdx), "+S"(calling.rsi) : : "memory");
}

bool hypercall(struct registers *registers)
{
    calling = *registers;
    const bool answered = trap_try(call);
    if (answered)
        *registers = calling;
    return answered;
}

void report(const char *what, const char *name, uint64_t parameter, uint64_t value)
{
    serial_text("probe ");
    serial_text(what);
    serial_text(" ");
    serial_text(name);
    serial_text(" ");
    serial_number(parameter, 10);
    serial_text(": 0x");
    serial_number(value, 16);
    serial_text("\r\n");
}

static const CHAR16 *load_options(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *me;
    if (EFI_ERROR(system->BootServices->HandleProtocol(self, &guid, (VOID **)&me)) || me->LoadOptionsSize == 0)
        return L"";
    return me->LoadOptions;
}

static uint64_t number(const CHAR16 *text)
{
    uint64_t value = 0;
    while (*text != 0 && *text != ' ')
        text++;
    while (*text == ' ')
        text++;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    const CHAR16 *options = load_options(self, system);
    const uint64_t hidden = hidden_find(system);
    bool good = false;
    interrupts_off();
    trap_install();
    switch (options[0]) {
    case 'h': good = try_attempts(hidden); break;
    case 'o': good = try_counters(); break;
    case 'c': good = try_crashes(number(options)); break;
    }
    serial_text(good ? "probe done\r\n" : "probe failed\r\n");
    power_off();
}
