// SPDX-License-Identifier: BSD-2-Clause
// probe.efi: calls partitions in ways that only tests do, and says on COM1 what came of it.

#include "console.h"
#include "cpu_insn.h"
#include "hidden.h"
#include "hypercall_insn.h"
#include "probe.h"
#include "trap.h"

// gnu-efi's start code calls it by the System V convention; by the second name in later versions.
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

uint64_t probe_page[512] __attribute__((aligned(4096)));

static struct registers calling;

static void call(void) { hypercall_insn(&calling); }

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

static EFI_LOADED_IMAGE *image(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *me = NULL;
    return EFI_ERROR(system->BootServices->HandleProtocol(self, &guid, (VOID **)&me)) ? NULL : me;
}

static bool has_word(const CHAR16 *text, const char *word)
{
    for (; *text != 0; text++) {
        unsigned i = 0;
        while (word[i] != 0 && text[i] == (CHAR16)word[i])
            i++;
        if (word[i] == 0)
            return true;
    }
    return false;
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
    const EFI_LOADED_IMAGE *me = image(self, system);
    const CHAR16 *options = me && me->LoadOptionsSize ? me->LoadOptions : L"";
    const uint64_t hidden = hidden_find(system).first;
    bool good = false;
    watched = has_word(options, "watched");
    if (!me || !pattern_make(system))
        options = L"";
    else
        report("is", "image", me->ImageSize, (uint64_t)(uintptr_t)me->ImageBase);
    report("is", "stack", 0, rsp_read());
    const bool two = options[0] == 't' && races_prepare(system);
    const bool up = options[0] == 'u' && startup_prepare(system);
    interrupts_off();
    trap_install();
    switch (options[0]) {
    case 'h': good = try_attempts(hidden); break;
    case 'p': good = try_theft(hidden); break;
    case 'o': good = try_counters(); break;
    case 's': good = try_silence(); break;
    case 'r': try_reset(has_word(options, "keyboard") ? RESET_BY_KEYBOARD : has_word(options, "triple") ? RESET_BY_TRIPLE_FAULT : RESET_BY_PORT); break;
    case 'c': good = try_crashes(number(options)); break;
    case 't': good = two && try_races(hidden, number(options)); break;
    case 'u': good = up && try_startup(); break;
    case 'm': good = try_types(); break;
    case 'b': good = try_boots(number(options)); break;
    }
    serial_text(good ? "probe done\r\n" : "probe failed\r\n");
    power_off();
}
