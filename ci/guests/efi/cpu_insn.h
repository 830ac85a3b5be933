// SPDX-License-Identifier: BSD-2-Clause
// Control registers, MSRs, descriptor tables, CPUID, RDTSC.
#pragma once

#include <stdint.h>

struct table_register { uint16_t limit; uint64_t base; } __attribute__((packed));

#define CONTROL_REGISTER(name)                                                                                      \
    static inline uint64_t name##_read(void) { uint64_t v; __asm__ volatile("mov %%" #name ", %0" : "=r"(v)); return v; } \
    static inline void name##_write(uint64_t v) { __asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory"); }
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
CONTROL_REGISTER(cr8)
CONTROL_REGISTER(dr0)
CONTROL_REGISTER(dr6)
CONTROL_REGISTER(dr7)
#undef CONTROL_REGISTER

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline void gdt_load(const struct table_register *gdt) { __asm__ volatile("lgdt %0" : : "m"(*gdt)); }
static inline void idt_load(const struct table_register *idt) { __asm__ volatile("lidt %0" : : "m"(*idt)); }
static inline uint16_t gdt_limit(void) { struct table_register r; __asm__ volatile("sgdt %0" : "=m"(r)); return r.limit; }
static inline void task_load(uint16_t selector) { __asm__ volatile("ltr %0" : : "r"(selector)); }
static inline void segments_load(uint16_t code, uint16_t data)
{
    __asm__ volatile("mov %1, %%ds\n\tmov %1, %%es\n\tmov %1, %%ss\n\tmov %1, %%fs\n\tmov %1, %%gs\n\t"
                     "push %0\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:"
                     : : "r"((uint64_t)code), "r"((uint32_t)data) : "rax", "memory");
}
static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void cpu_relax(void) { __asm__ volatile("pause" : : : "memory"); }
static inline uint64_t rsp_read(void) { uint64_t v; __asm__ volatile("mov %%rsp, %0" : "=r"(v)); return v; }
// Takes what is pending.
static inline void interrupts_on_once(void) { __asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory"); }
static inline void halt_for_interrupt(void) { __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory"); }
static inline uint64_t rflags_read(void) { uint64_t v; __asm__ volatile("pushfq\n\tpop %0" : "=r"(v)); return v; }
static inline void halt(void) { __asm__ volatile("hlt" : : : "memory"); }

struct cpuid { uint32_t eax, ebx, ecx, edx; };
static inline struct cpuid cpuid(uint32_t leaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0) : "memory");
    return r;
}

// The same instructions each time: measurements then differ by nothing but what lies between. The jump is for the emulator, whose
// counter stands still within a sequence of instructions without one.
static inline uint64_t tsc(void)
{
    uint64_t value;
    __asm__ volatile("jmp 1f\n1:\trdtsc\n\tshl $32, %%rdx\n\tor %%rdx, %0" : "=a"(value) : : "rdx", "memory", "cc");
    return value;
}

// Lets so many ticks of the time-stamp counter pass.
static inline void tsc_wait(uint64_t ticks)
{
    for (const uint64_t start = tsc(); tsc() - start < ticks;)
        cpu_relax();
}
