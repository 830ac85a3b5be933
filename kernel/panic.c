// SPDX-License-Identifier: BSD-2-Clause
// Panic: the record goes to the log, and to the next boot.
#include "panic.h"

#include <stdarg.h>

#include "cpu.h"
#include "crash.h"
#include "log.h"
#include "partition.h"
#include "power.h"
#include "shootdown.h"
#include "tlb_insn.h"

// The first CPU that comes here stops the others and speaks for all.
__attribute__((noreturn)) static void stop(const struct crash_scene *scene, const char *text)
{
    static uint32_t busy;
    if (!__atomic_exchange_n(&busy, 1, __ATOMIC_SEQ_CST)) {
        log_line(LOG_ERROR, "panic: %s", text);
        shootdown_halt_others();
        for (unsigned i = 0; i < 100000; i++)
            __builtin_ia32_pause();
        log_take_console();
        crash_write(scene, text);
        log_line(LOG_ERROR, "stage panic");
        partitions_scrub(false);
        log_flush();
        if (boot_info != NULL && boot_info->panic_resets)
            power_reset();
    }
    for (;;)
        insn_halt();
}

void panic(const char *format, ...)
{
    // RIP: in the call; behind it another function may begin.
    const struct crash_scene scene = { .kind = CRASH_PANIC, .vector = CRASH_NO_VECTOR, .rip = (uintptr_t)__builtin_return_address(0) - 1,
                                       .frame = *(const uint64_t *)__builtin_frame_address(0) };
    char text[RECORDS_TEXT];
    va_list args;
    va_start(args, format);
    log_vformat(text, sizeof(text), format, args);
    va_end(args);
    stop(&scene, text);
}

void panic_trap(const struct trap_frame *frame, uint64_t cr2)
{
    const struct crash_scene scene = { .kind = CRASH_PANIC, .vector = frame->vector, .error = frame->error, .cr2 = cr2, .rip = frame->rip,
                                       .rsp = frame->rsp, .rflags = frame->rflags, .frame = frame->gpr[GPR_RBP], .gpr = frame->gpr };
    char text[RECORDS_TEXT];
    log_format(text, sizeof(text), "exception %lu error=0x%lx rip=0x%lx rsp=0x%lx rflags=0x%lx cr2=0x%lx", frame->vector, frame->error, frame->rip,
               frame->rsp, frame->rflags, cr2);
    stop(&scene, text);
}
