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
#include <sys/mman.h>
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

static void entry_begin(void);

void ACPI_RESET(void *device, unsigned type)
{
    static void *reset;
    if (reset)
        return;
    void *plugin = dlopen("libbx_acpi.so.0", RTLD_LAZY | RTLD_NOLOAD);
    reset = plugin ? dlsym(plugin, NAME_OF(ACPI_RESET)) : NULL;
    if (!reset)
        abort();
    entry_begin();
    if (getenv("EMULATOR_COUNTS"))
        counter_begin();
    ((void (*)(void *, unsigned))(uintptr_t)reset)(device, type);
}

/* Work-around (docs/emulators.md, "An exception or VM exit ..."): both end an instruction by a jump back to the loop over the CPUs, where, unlike in
 * the loop of a single CPU, nobody notes that RIP is the new one. Where a CPU keeps these is read in the single one's loop.
 *
 * And ("Blocking by STI ..."): the loop counts the instruction for the first CPU, whichever it was, and takes what that one ran since its last turn for what this one has run.
 * Whose turn it is lies in the loop's frame. */
#define CPU_RIP         0xe0
#define CPU_PREV_RIP    0x118
#define CPU_SPECULATIVE 0x130
#define CPU_COUNT       0x138
#define CPU_TURN_COUNT  0x140  /* the count when its turn began */
#define FRAME_TURN      4
#define LOOP_BYTES      256
#define LOOP_OVER_BYTES 1024
#define SAVED_RSP       6  /* glibc's, in a jmp_buf; mangled */
void __longjmp_chk(jmp_buf environment, int value);

static struct {
    void (*jump)(jmp_buf, int) __attribute__((noreturn));
    void *environment;
    char ***cpu;
    uint8_t *count;
} loop;

static void unknown(void)
{
    fputs("ci/preload.c doesn't know this build of Bochs\n", stderr);
    abort();
}

static int find_loop(void)
{
    /* rax = its RIP; RSP isn't speculative; its previous RIP = rax */
    static const uint8_t read[] = {0x48, 0x8b, 0x82, CPU_RIP, 0, 0, 0};
    static const uint8_t written[] = {0xc6, 0x82, CPU_SPECULATIVE & 0xff, CPU_SPECULATIVE >> 8, 0, 0, 0,
                                      0x48, 0x89, 0x82, CPU_PREV_RIP & 0xff, CPU_PREV_RIP >> 8, 0, 0};
    /* rdi = the first CPU; where jumped to: its count + 1. What it ran. Before each turn: ebp = whose it is */
    static const uint8_t counted[] = {0x48, 0x8b, 0x3e, 0x85, 0xc0, 0x74, 0x0d, 0x48, 0x83, 0x87, CPU_COUNT & 0xff, CPU_COUNT >> 8, 0, 0, 1};
    static const uint8_t ran[] = {0x2b, 0x87, CPU_TURN_COUNT & 0xff, CPU_TURN_COUNT >> 8, 0, 0};
    static const uint8_t turn[] = {0x8b, 0x6c, 0x24, FRAME_TURN};
    const void *single = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C8cpu_loopEv"), *over = dlsym(RTLD_DEFAULT, "_Z19bx_begin_simulationiPPc");
    *(void **)&loop.jump = dlsym(RTLD_NEXT, "__longjmp_chk");
    loop.environment = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C11jmp_buf_envE");
    loop.cpu = dlsym(RTLD_DEFAULT, "bx_cpu_array");
    loop.count = dlsym(RTLD_DEFAULT, "bx_cpu_count");
    return loop.jump && loop.environment && loop.cpu && loop.count && single && memmem(single, LOOP_BYTES, read, sizeof(read)) &&
           memmem(single, LOOP_BYTES, written, sizeof(written)) && over && memmem(over, LOOP_OVER_BYTES, counted, sizeof(counted)) &&
           memmem(over, LOOP_OVER_BYTES, ran, sizeof(ran)) && memmem(over, LOOP_OVER_BYTES, turn, sizeof(turn));
}

static char *whose_turn(jmp_buf environment)
{
    uint64_t rsp = (uint64_t)environment[0].__jmpbuf[SAVED_RSP];
    __asm__("ror $17, %0\n\txor %%fs:0x30, %0" : "+r"(rsp));
    return (*loop.cpu)[*(const uint32_t *)(uintptr_t)(rsp + FRAME_TURN)];
}

static uint64_t *at(char *cpu, unsigned offset) { return (uint64_t *)(void *)(cpu + offset); }

static void count_for(char *cpu)
{
    char *first = **loop.cpu;
    ++*at(cpu, CPU_COUNT);
    --*at(first, CPU_COUNT);
    if (cpu != first)  /* whose next turn notes its count anew */
        *at(first, CPU_TURN_COUNT) = *at(first, CPU_COUNT) + 1 - (*at(cpu, CPU_COUNT) - *at(cpu, CPU_TURN_COUNT));
}

void __longjmp_chk(jmp_buf environment, int value)
{
    if (!loop.jump && !find_loop())
        unknown();
    for (unsigned i = 0; (void *)environment == loop.environment && i < *loop.count; i++) {
        char *cpu = (*loop.cpu)[i];
        *at(cpu, CPU_PREV_RIP) = *at(cpu, CPU_RIP);
        cpu[CPU_SPECULATIVE] = 0;
    }
    if ((void *)environment == loop.environment && *loop.count > 1)
        count_for(whose_turn(environment));
    loop.jump(environment, value);
}

/* Work-around (docs/emulators.md, "External interrupts ..."): a VM entry masks them by the guest's IF while the CPU doesn't count as a guest's yet, so that
 * external-interrupt exiting isn't looked at. They are masked once more behind it, be the CPU a guest's then or not. The table of instructions has the
 * function of VMLAUNCH and VMRESUME twice. */
#define TABLE_BYTES 0x23b68
static struct {
    void (*enter)(void *cpu, void *instruction);
    void (*mask)(void *cpu);
} entry;

static void enter(void *cpu, void *instruction)
{
    entry.enter(cpu, instruction);
    entry.mask(cpu);
}

/* And ("A virtual interrupt ..."): where an external interrupt is due, HandleExtInterrupt() delivers a virtual one that is pending, be it masked by IF or
 * not. It now forgets a masked one: the exit does so too, the next entry evaluates it anew, and so do posted interrupts. The instructions for it take the
 * room of those that look for a guest of AMD's SVM, which no CPU model with VT-x runs. */
#define PAGE 4096ul
static int forget_masked(uint8_t *handle)
{
    /* in_svm_guest? its VMCB; does it intercept interrupts? */
    static const uint8_t svm[] = {0x80, 0xbf, 0xa8, 0x91, 0, 0, 0, 0x74, 0x14, 0x48, 0x8b, 0x87, 0xc8, 0x91, 0, 0,
                                  0xf6, 0x80, 0xec, 0, 0, 0, 1, 0x0f, 0x85, 0xbe, 0, 0, 0};
    /* eax = event_mask; eax &= BX_EVENT_PENDING_VMX_VIRTUAL_INTR; eax = ~eax; pending_event &= eax; on, behind the rest */
    static const uint8_t forget[sizeof(svm)] = {0x8b, 0x87, 0xdc, 0x91, 0, 0, 0x25, 0, 2, 0, 0, 0xf7, 0xd0,
                                                0x21, 0x87, 0xd8, 0x91, 0, 0, 0xeb, sizeof(svm) - 21};
    uint8_t *const at = handle ? memmem(handle, 48, svm, sizeof(svm)) : NULL;
    uint8_t *const page = at ? at - (uintptr_t)at % PAGE : NULL;
    if (!at || mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))
        return 0;
    memcpy(at, forget, sizeof(forget));
    return !mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC);
}

static void entry_begin(void)
{
    uintptr_t *const table = dlsym(RTLD_DEFAULT, "BxOpcodesTable");
    unsigned found = 0;
    *(void **)&entry.enter = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C8VMLAUNCHEP15bxInstruction_c");
    *(void **)&entry.mask = dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C25handleInterruptMaskChangeEv");
    for (unsigned i = 0; table && entry.enter && i < TABLE_BYTES / sizeof(*table); i++) {
        if (table[i] == (uintptr_t)entry.enter) {
            table[i] = (uintptr_t)enter;
            found++;
        }
    }
    if (found != 2 || !entry.mask || !forget_masked(dlsym(RTLD_DEFAULT, "_ZN8BX_CPU_C18HandleExtInterruptEv")))
        unknown();
}
