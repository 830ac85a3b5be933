/* SPDX-License-Identifier: BSD-2-Clause */
/* What a 32-bit L1 is told to do, and what came of it: assembly knows the places. */
#pragma once

#define HOST32_RSP     0x00
#define HOST32_BACK    0x08  /* far pointers: back to 64-bit code; to 32-bit code; a step's */
#define HOST32_TO_32   0x10
#define HOST32_TARGET  0x18
#define HOST32_CR0     0x20
#define HOST32_CR3     0x24
#define HOST32_CR4     0x28
#define HOST32_STACK   0x2c
#define HOST32_STEP    0x30  /* the next one */
#define HOST32_END     0x34  /* behind the last one */
#define HOST32_KEPT    0x38
#define HOST32_LONG_CR0 0x40
#define HOST32_LONG_CR3 0x44
#define HOST32_LONG_CR4 0x48
#define HOST32_GDTR    0x50
#define HOST32_IDTR    0x60

#define STEP_CODE      0x00
#define STEP_SELECTOR  0x04
#define STEP_GPR       0x08  /* EAX, ECX, EDX, EBX, ESP (unused), EBP, ESI, EDI: before, then behind it */
#define STEP_FLAGS     0x28
#define STEP_ENDED     0x2c
#define STEP_VECTOR    0x30
#define STEP_ERROR     0x34
#define STEP_EIP       0x38
#define STEP_CR2       0x3c
#define STEP_BYTES     0x40

#define ENDED_RETURNED  1
#define ENDED_EXCEPTION 2
#define ENDED_EXIT      3

#define HOST32_CODE_SELECTOR 0x28
#define HOST32_DATA_SELECTOR 0x10
#define HOST32_TASK_SELECTOR 0x60
#define HOST32_GS_SELECTOR   0x68
#define HOST32_USER_DATA     0x43
#define HOST32_USER_CODE     0xab
