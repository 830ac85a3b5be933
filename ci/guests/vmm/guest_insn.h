/* SPDX-License-Identifier: BSD-2-Clause */
/* The instructions that the guest executes to make its VM exit. */
#pragma once

#include <stdint.h>

#define MSR_PAT 0x277U
#define MSR_SYSENTER_EIP 0x176U
#define MSR_GS_BASE 0xc0000101U
#define MSR_KERNEL_GS_BASE 0xc0000102U
#define MSR_ABSENT 0x12345U

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t port_read8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void port_write32(uint16_t port, uint32_t value)
{
    /* The VMM reads and changes memory meanwhile. */
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t port_read32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

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

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(uint32_t leaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

struct idt_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static inline void idt_load(const void *base, uint16_t limit)
{
    struct idt_pointer pointer = { limit, (uint64_t)base };
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

static inline uint64_t gs_self(void)
{
    uint64_t self;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(self));
    return self;
}

static inline void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

/* STI's shadow covers HLT: no interrupt can slip between the two. */
static inline void halt_with_interrupts(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline void spin_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}
