/* SPDX-License-Identifier: BSD-2-Clause */
/* The world of the 32-bit tasks: tables, stacks, and what they saw. Assembly knows the places. */
#pragma once

#define ARENA_GDT        0x000
#define ARENA_TARGET     0x100
#define ARENA_KIND       0x108
#define ARENA_CR4        0x10c
#define ARENA_CR3        0x110
#define ARENA_RETURNED   0x114
#define ARENA_MAIN_FLAGS 0x118
#define ARENA_MAIN_TR    0x11c
#define ARENA_MAIN_CR0   0x120
#define ARENA_VECTOR     0x124
#define ARENA_ESP        0x128
#define ARENA_ERROR      0x12c
#define ARENA_TR         0x130
#define ARENA_CR0        0x134
#define ARENA_FLAGS      0x138
#define ARENA_DR7        0x13c
#define ARENA_CR2        0x140
#define ARENA_NOW_CR3    0x144
#define ARENA_IDTR       0x148
#define ARENA_HOST_RSP   0x150
#define ARENA_HOST_GDTR  0x158
#define ARENA_HOST_IDTR  0x168
#define ARENA_HOST_CR0   0x178
#define ARENA_HOST_CR3   0x180
#define ARENA_HOST_CR4   0x188
#define ARENA_GDTR       0x190
#define ARENA_BACK       0x1a0
#define ARENA_TO_MAIN    0x1a8
#define ARENA_TO_32      0x1b0
#define ARENA_GO_ON      0x1b8
#define ARENA_MAIN_IP    0x1bc
#define ARENA_MAIN       0x1c0
#define ARENA_MAIN_STACK 0x3000 /* its end */

#define CODE32   0x08
#define DATA32   0x10
#define CODE64   0x18
#define TSS_MAIN 0x20

#define MAIN_CR0 0x33 /* PE, MP, ET, NE */

/* How the main task leaves. */
#define KIND_JMP  0
#define KIND_CALL 1
#define KIND_INT  2
#define KIND_INT3 3
#define KIND_UD2  4
#define KIND_GP   5

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#include <caps/addr.h>

#include "tss.h"

#define TASK_H_COUNT 9
enum selector { TSS_A = 0x28, LDT_A = 0x30, GATE_A = 0x38, TSS16_A = 0x40, CODE_A = 0x48, DATA_A = 0x50, SPARE = 0x58, TSS_H = 0x60, SELECTOR_END = TSS_H + 8 * TASK_H_COUNT };

struct __attribute__((packed)) far_pointer { uint32_t offset; uint16_t selector, pad; };
struct __attribute__((packed)) table32 { uint16_t limit; uint32_t base; uint16_t pad; };
struct __attribute__((packed)) table64 { uint16_t limit; uint64_t base; uint16_t pad[3]; };

struct arena {
    uint64_t gdt[32];
    struct far_pointer target;
    uint32_t kind, cr4, cr3;
    uint32_t returned, main_flags, main_tr, main_cr0;         /* of the main task when it goes on */
    uint32_t vector, esp, error, tr, cr0, flags, dr7, cr2, now_cr3;  /* of the task that ends a scenario */
    struct table32 idtr;
    uint64_t host_rsp;
    struct table64 host_gdtr, host_idtr;
    uint64_t host_cr0, host_cr3, host_cr4;
    struct table64 gdtr;
    struct far_pointer back, to_main, to_32;
    uint32_t go_on;                                           /* where the main task is let go on, whatever it did */
    uint32_t main_ip;                                         /* and where it would have */
    struct { union { struct tss32 wide; struct tss16 narrow; }; uint8_t pad[24]; } main, a, h[TASK_H_COUNT];
    _Alignas(PAGE_BYTES) uint64_t idt[256];
    uint64_t ldt[2];
    uint32_t words[4];                                        /* what DATA_A begins with */
    _Alignas(PAGE_BYTES) uint8_t main_stack[PAGE_BYTES];
    uint8_t a_stack[PAGE_BYTES], h_stack[PAGE_BYTES];
    _Alignas(PAGE_BYTES) uint32_t directory[2][1024];         /* 4 MiB pages */
    _Alignas(PAGE_BYTES) uint64_t pdpt[2][512], pae[2][4][512];
};
#define PLACE(member, offset) _Static_assert(offsetof(struct arena, member) == (offset), "assembly knows the place")
PLACE(target, ARENA_TARGET);
PLACE(kind, ARENA_KIND);
PLACE(returned, ARENA_RETURNED);
PLACE(vector, ARENA_VECTOR);
PLACE(now_cr3, ARENA_NOW_CR3);
PLACE(idtr, ARENA_IDTR);
PLACE(host_rsp, ARENA_HOST_RSP);
PLACE(host_idtr, ARENA_HOST_IDTR);
PLACE(host_cr4, ARENA_HOST_CR4);
PLACE(gdtr, ARENA_GDTR);
PLACE(to_32, ARENA_TO_32);
PLACE(go_on, ARENA_GO_ON);
PLACE(main_ip, ARENA_MAIN_IP);
PLACE(main, ARENA_MAIN);
PLACE(a_stack, ARENA_MAIN_STACK);
#undef PLACE

/* tasks32.S: from 64-bit code into the main task and back. */
void tasks_run(struct arena *arena);
/* Code of tasks, at the same address in 32-bit code. */
extern const char task_h[], task_a[], task_a_end[], task_a_iret[], task_a_words[];
#endif
