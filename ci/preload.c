/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded into Bochs. It seeds the guest's RDRAND from the clock, which makes no two runs alike; and its text display opens
 * a port that anyone may connect to, and ends the run where none can be had. Nobody looks at that display. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counter.h"

void srand(unsigned seed);

/* For who reads the guest's memory from outside and wants all of it: before Bochs gives that memory back, at its end, it stands still until it
 * is told to go on. operator delete[](void *), which it does that by. */
#define GUEST_MEMORY (64UL << 20)
void delete_array(void *memory) __asm__("_ZdaPv");
void delete_array(void *memory)
{
    if (getenv("EMULATOR_HOLDS") && malloc_usable_size(memory) >= GUEST_MEMORY)
        raise(SIGSTOP);
    free(memory);
}

void srand(unsigned seed)
{
    (void)seed;
}

/* The display serves its port from a thread of its own, which stays here. */
int bind(int socket, const struct sockaddr *address, socklen_t length)
{
    (void)socket;
    (void)address;
    (void)length;
    for (;;)
        pause();
}

/* Work-around (docs/emulators.md, "A reset ..."): bx_acpi_ctrl_c::reset(unsigned), but for the first one, which is the machine's start. */
#define ACPI_RESET _ZN14bx_acpi_ctrl_c5resetEj
#define NAME_OF(function) NAME(function)
#define NAME(function) #function
void ACPI_RESET(void *device, unsigned type);

void ACPI_RESET(void *device, unsigned type)
{
    static void *reset;
    if (reset)
        return;
    void *plugin = dlopen("libbx_acpi.so.0", RTLD_LAZY | RTLD_NOLOAD);
    reset = plugin ? dlsym(plugin, NAME_OF(ACPI_RESET)) : NULL;
    if (!reset)
        abort();
    if (getenv("EMULATOR_COUNTS"))
        counter_begin();
    ((void (*)(void *, unsigned))(uintptr_t)reset)(device, type);
}

/* Work-around (docs/emulators.md, "An exception or VM exit ..."): both end an instruction by a jump back to the loop over the CPUs, where, unlike in
 * the loop of a single CPU, nobody notes that RIP is the new one. Where a CPU keeps these is read in the single one's loop. */
#define CPU_RIP         0xe0
#define CPU_PREV_RIP    0x118
#define CPU_SPECULATIVE 0x130
#define LOOP_BYTES      256
void __longjmp_chk(jmp_buf environment, int value);

static struct {
    void (*jump)(jmp_buf, int) __attribute__((noreturn));
    void *environment;
    char ***cpu;
    uint8_t *count;
} loop;

static int find_loop(void)
{
    /* rax = its RIP; RSP isn't speculative; its previous RIP = rax */
    static const uint8_t read[] = {0x48, 0x8b, 0x82, CPU_RIP, 0, 0, 0};
    static const uint8_t written[] = {0xc6, 0x82, CPU_SPECULATIVE & 0xff, CPU_SPECULATIVE >> 8, 0, 0, 0,
                                      0x48, 0x89, 0x82, CPU_PREV_RIP & 0xff, CPU_PREV_RIP >> 8, 0, 0};
    const void *single = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C8cpu_loopEv");
    *(void **)&loop.jump = dlsym(RTLD_NEXT, "__longjmp_chk");
    loop.environment = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C11jmp_buf_envE");
    loop.cpu = dlsym(RTLD_DEFAULT, "bx_cpu_array");
    loop.count = dlsym(RTLD_DEFAULT, "bx_cpu_count");
    return loop.jump && loop.environment && loop.cpu && loop.count && single && memmem(single, LOOP_BYTES, read, sizeof(read)) &&
           memmem(single, LOOP_BYTES, written, sizeof(written));
}

void __longjmp_chk(jmp_buf environment, int value)
{
    if (!loop.jump && !find_loop()) {
        fputs("ci/preload.c doesn't know this build of Bochs\n", stderr);
        abort();
    }
    for (unsigned i = 0; (void *)environment == loop.environment && i < *loop.count; i++) {
        char *cpu = (*loop.cpu)[i];
        *(uint64_t *)(void *)(cpu + CPU_PREV_RIP) = *(uint64_t *)(void *)(cpu + CPU_RIP);
        cpu[CPU_SPECULATIVE] = 0;
    }
    loop.jump(environment, value);
}
