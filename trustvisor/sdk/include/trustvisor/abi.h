// SPDX-License-Identifier: BSD-2-Clause
// What a program, its PALs and trustvisor share: numbers and structures, the same for 32- and 64-bit programs. Needs nothing but <stdint.h>.
#pragma once

#include <stdint.h>

enum tv_call {
#define TV_CALL(name, number, from, text) TV_CALL_##name = number,
#include <trustvisor/call.def>
#undef TV_CALL
};
#define TV_CALL_L2_OFFSET 0x4c415000u

// CPUID with EAX = TV_CPUID and ECX = 0, or TV_CALL_L2_OFFSET in a guest of L1's hypervisor: EAX = TV_CPUID_ANSWER, EBX = TV_CPUID_NO_PAL, or inside
// a PAL its number; ECX bit 0: 64-bit code; ECX bit 1: the caller runs on an EPT of L1's; EDX = 0.
#define TV_CPUID        0x7a567254u
#define TV_CPUID_ANSWER 0x7a767274u
#define TV_CPUID_NO_PAL 0xffffffffu

enum tv_section_type {
    TV_SECTION_CODE = 1,         // read, execute
    TV_SECTION_DATA = 2,         // read, write; zeroed at the end, as the next two
    TV_SECTION_PARAM = 3,        // the first one takes what pointer parameters point to
    TV_SECTION_STACK = 4,        // the first one is the PAL's stack
    TV_SECTION_SHARED_CODE = 5,  // read, execute; the program goes on seeing it
};
#define TV_SECTIONS_MAX 10

struct tv_section {
    uint32_t type;
    uint32_t pages;
    uint64_t start;   // page-aligned
} __attribute__((packed));
struct tv_sections {
    uint32_t count;
    uint32_t zero;
    struct tv_section section[TV_SECTIONS_MAX];
} __attribute__((packed));

enum tv_param_type { TV_PARAM_INTEGER = 1, TV_PARAM_POINTER = 2 };
#define TV_PARAMS_MAX 10

struct tv_param {
    uint32_t type;
    uint32_t zero;
    uint64_t words;   // of the program's size, 4 or 8 bytes; a pointer: of what it points to
} __attribute__((packed));
struct tv_params {
    uint32_t count;
    uint32_t zero;
    struct tv_param param[TV_PARAMS_MAX];
} __attribute__((packed));

// Where data lies: input: value is the length; output: value is the address of a u32, the capacity before and the length after. 64-bit programs use
// the second form.
struct tv_buffer32 { uint32_t address, value; } __attribute__((packed));
struct tv_buffer64 { uint64_t address, value; } __attribute__((packed));

// The micro-TPM. Structures are those of TPM 1.2, with SHA-256.
#define TV_PCRS          32
#define TV_HASH_BYTES    32
#define TV_RANDOM_MAX    4096
#define TV_SEALED_MAX    2048   // a sealed blob
#define TV_SEAL_DATA_MAX 1984   // what goes in
#define TV_SIGNATURE_BYTES 256  // RSA 2048
#define TV_COMPOSITE_MAX (6 + 4 + TV_PCRS * TV_HASH_BYTES)
#define TV_NV_BYTES      32

struct tv_selection {
    uint16_t bytes;        // of map; 0: no PCR
    uint8_t map[4];        // PCR n: bit n % 8 of byte n / 8
} __attribute__((packed));
struct tv_pcr_info {
    struct tv_selection selection;
    uint8_t at_release[TV_HASH_BYTES];   // SHA-256 of the composite that unseals
    uint8_t at_creation[TV_HASH_BYTES];  // trustvisor fills it
} __attribute__((packed));
struct tv_quote_info {     // what a quote signs
    uint8_t version[4];    // 1 1 0 0
    uint8_t fixed[4];      // "QUOT"
    uint8_t composite[TV_HASH_BYTES];
    uint8_t nonce[TV_HASH_BYTES];
} __attribute__((packed));

enum tv_result {
    TV_OK = 0,
    TV_BAD_PARAM = 1,
    TV_PCR_OUT_OF_RANGE = 2,
    TV_INSUFFICIENT_ENTROPY = 3,
    TV_ERROR = 4,
};

_Static_assert(sizeof(struct tv_sections) == 168 && sizeof(struct tv_params) == 168, "as PAL programs are compiled");
_Static_assert(sizeof(struct tv_selection) == 6 && sizeof(struct tv_pcr_info) == 70 && sizeof(struct tv_quote_info) == 72, "no gaps");
