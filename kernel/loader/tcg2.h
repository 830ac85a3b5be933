// SPDX-License-Identifier: BSD-2-Clause
// EFI_TCG2_PROTOCOL (TCG EFI Protocol Specification, family 2.0, chapter 6): gnu-efi doesn't have it.
#pragma once

#include <efi.h>

#define TCG2_GUID {0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}}

#define TCG2_BANK_SHA256   2u
#define TCG2_PE_COFF_IMAGE 0x10ull
#define TCG2_EVENT_VERSION 1u
#define EV_IPL             13u  // what a boot loader measures (TCG PC Client Platform Firmware Profile, 10.4.1 "Event Types")

struct tcg2_capability {
    UINT8 bytes;
    UINT8 structure_version[2], protocol_version[2];
    UINT32 hash_algorithms;
    UINT32 event_logs;
    BOOLEAN present;
    UINT16 command_bytes, response_bytes;  // the longest
    UINT32 manufacturer;
    UINT32 bank_count, active_banks;
};

struct tcg2_event_header { UINT32 header_bytes; UINT16 version; UINT32 pcr, type; } __attribute__((packed));
struct tcg2_event { UINT32 bytes; struct tcg2_event_header header; UINT8 text[]; } __attribute__((packed));

struct tcg2 {
    EFI_STATUS (EFIAPI *capability)(struct tcg2 *self, struct tcg2_capability *capability);
    EFI_STATUS (EFIAPI *event_log)(struct tcg2 *self, UINT32 format, UINT64 *first, UINT64 *last, BOOLEAN *cut);
    EFI_STATUS (EFIAPI *measure)(struct tcg2 *self, UINT64 flags, UINT64 data, UINT64 bytes, struct tcg2_event *event);
    EFI_STATUS (EFIAPI *submit)(struct tcg2 *self, UINT32 command_bytes, UINT8 *command, UINT32 response_bytes, UINT8 *response);
    EFI_STATUS (EFIAPI *active_banks)(struct tcg2 *self, UINT32 *banks);
    void *set_banks, *set_banks_result;
};
