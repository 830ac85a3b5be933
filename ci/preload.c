/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded into Bochs. It seeds the guest's RDRAND from the clock, which makes no two runs alike; and its text display opens
 * a port that anyone may connect to, and ends the run where none can be had. Nobody looks at that display. */

#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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
    ((void (*)(void *, unsigned))(uintptr_t)reset)(device, type);
}
