/* SPDX-License-Identifier: BSD-2-Clause */
/* UEFI driver for a machine whose TPM is at the other end of a serial line: EFI_TCG2_PROTOCOL, as far as the firmware and the loader use it. Bochs has no TPM. */
#include <efi.h>
#include <efilib.h>

#include <bearssl.h>

#include "../../../kernel/loader/tcg2.h"
#include "../../../kernel/loader/tpm.h"
#include "port.h"

#define COM3          0x3e8 /* the firmware uses COM1 and COM2 as consoles */
#define LINE_STATUS   (COM3 + 5)
#define LINE_RECEIVED 0x01
#define LINE_EMPTY    0x20
#define HEADER_BYTES  10u
#define TPM_CC_PCR_EXTEND 0x182

/* What libbearssl.a calls without being asked. */
void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    for (;;) {
    }
}

void *__memcpy_chk(void *to, const void *from, UINTN bytes, UINTN capacity);
void *__memcpy_chk(void *to, const void *from, UINTN bytes, UINTN capacity)
{
    if (bytes > capacity) {
        __stack_chk_fail();
    }
    BS->CopyMem(to, (void *)(UINTN)from, bytes);
    return to;
}

static struct tpm tpm;

static void line_start(void)
{
    out8(COM3 + 1, 0);
    out8(COM3 + 3, 0x80); /* the divisor: 115200 */
    out8(COM3 + 0, 1);
    out8(COM3 + 1, 0);
    out8(COM3 + 3, 3); /* 8 bits, no parity */
    out8(COM3 + 2, 7); /* FIFOs, empty */
    out8(COM3 + 4, 3);
}

static void line_send(uint8_t byte)
{
    while (!(in8(LINE_STATUS) & LINE_EMPTY)) {
    }
    out8(COM3, byte);
}

static uint8_t line_receive(void)
{
    while (!(in8(LINE_STATUS) & LINE_RECEIVED)) {
    }
    return in8(COM3);
}

static EFI_STATUS EFIAPI submit(struct tcg2 *self, UINT32 command_bytes, UINT8 *command, UINT32 response_bytes, UINT8 *response)
{
    UINT32 bytes = HEADER_BYTES;
    (void)self;
    for (UINT32 i = 0; i < command_bytes; i++) {
        line_send(command[i]);
    }
    for (UINT32 i = 0; i < bytes; i++) {
        uint8_t byte = line_receive();
        if (i < response_bytes) {
            response[i] = byte;
        }
        if (i == HEADER_BYTES - 1) {
            bytes = (UINT32)response[2] << 24 | (UINT32)response[3] << 16 | (UINT32)response[4] << 8 | response[5];
        }
    }
    return bytes > response_bytes ? EFI_BUFFER_TOO_SMALL : EFI_SUCCESS;
}

static EFI_STATUS EFIAPI capability(struct tcg2 *self, struct tcg2_capability *out)
{
    (void)self;
    if (out->bytes < sizeof(*out)) {
        return EFI_BUFFER_TOO_SMALL;
    }
    *out = (struct tcg2_capability){ .bytes = sizeof(*out), .structure_version = { 1, 1 }, .protocol_version = { 1, 1 },
        .hash_algorithms = TCG2_BANK_SHA256, .present = TRUE, .command_bytes = 4096, .response_bytes = 4096, .bank_count = 1,
        .active_banks = TCG2_BANK_SHA256 };
    return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI event_log(struct tcg2 *self, UINT32 format, UINT64 *first, UINT64 *last, BOOLEAN *cut)
{
    (void)self;
    (void)format;
    *first = *last = 0;
    *cut = FALSE;
    return EFI_SUCCESS;
}

static bool tpm_submit(struct tpm *to, const uint8_t *command, uint32_t bytes, uint8_t *response)
{
    (void)to;
    return !EFI_ERROR(submit(NULL, bytes, (UINT8 *)(UINTN)command, TPM_BYTES, response));
}

static void tpm_pause(struct tpm *to)
{
    (void)to;
    BS->Stall(TPM_PAUSE_MS * 1000);
}

/* An image is measured by all of its bytes, not by those that Authenticode counts: it comes to the same where files don't change. */
static EFI_STATUS EFIAPI measure(struct tcg2 *self, UINT64 flags, UINT64 data, UINT64 bytes, struct tcg2_event *event)
{
    uint8_t digest[br_sha256_SIZE];
    br_sha256_context hash;
    (void)self;
    (void)flags;
    br_sha256_init(&hash);
    br_sha256_update(&hash, (const void *)(UINTN)data, bytes);
    br_sha256_out(&hash, digest);
    tpm_begin(&tpm, TPM_ST_SESSIONS, TPM_CC_PCR_EXTEND);
    tpm_put(&tpm, event->header.pcr, 4);
    tpm_put_session(&tpm, TPM_RS_PW, 0);
    tpm_put(&tpm, 1, 4);
    tpm_put(&tpm, TPM_ALG_SHA256, 2);
    tpm_put_bytes(&tpm, digest, sizeof(digest));
    return tpm_send(&tpm) == TPM_RC_SUCCESS ? EFI_SUCCESS : EFI_DEVICE_ERROR;
}

static EFI_STATUS EFIAPI active_banks(struct tcg2 *self, UINT32 *banks)
{
    (void)self;
    *banks = TCG2_BANK_SHA256;
    return EFI_SUCCESS;
}

static struct tcg2 protocol = { capability, event_log, measure, submit, active_banks, NULL, NULL };

/* gnu-efi's start code calls it by the System V convention. */
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    EFI_GUID guid = TCG2_GUID;
    EFI_HANDLE handle = NULL;
    InitializeLib(self, system);
    tpm.submit = tpm_submit;
    tpm.pause = tpm_pause;
    line_start();
    EFI_STATUS status = BS->InstallProtocolInterface(&handle, &guid, EFI_NATIVE_INTERFACE, &protocol);
    /* Not by returning: the start code doesn't keep RSI and RDI, which the firmware's calling convention wants back. */
    BS->Exit(self, status, 0, NULL);
    return status;
}
