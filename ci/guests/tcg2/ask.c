/* SPDX-License-Identifier: BSD-2-Clause */
/* UEFI application: L1 asks the TPM what its PCRs hold, and for a secret as the loader does (which is another one by now), then powers the machine off. */
#include <efi.h>
#include <efilib.h>

#include "../../../kernel/loader/tcg2.h"
#include "../../../kernel/loader/tpm_seed.h"

static struct tcg2 *tcg2;
static struct tpm tpm;

static bool submit(struct tpm *to, const uint8_t *command, uint32_t bytes, uint8_t *response)
{
    (void)to;
    return !EFI_ERROR(tcg2->submit(tcg2, bytes, (UINT8 *)(UINTN)command, TPM_BYTES, response));
}

static void pause(struct tpm *to)
{
    (void)to;
    BS->Stall(TPM_PAUSE_MS * 1000);
}

static void say_bytes(const CHAR16 *what, const uint8_t *bytes, unsigned count)
{
    Print(L"ask: %s ", what);
    for (unsigned i = 0; i < count; i++) {
        Print(L"%02x", bytes[i]);
    }
    Print(L"\r\n");
}

static void say_pcr(unsigned pcr)
{
    CHAR16 what[8];
    uint8_t digest[TPM_DIGEST_BYTES];
    tpm_begin(&tpm, TPM_ST_NO_SESSIONS, TPM_CC_PCR_READ);
    tpm_put(&tpm, 1, 4);
    tpm_put(&tpm, TPM_ALG_SHA256, 2);
    tpm_put(&tpm, 3, 1);
    for (unsigned i = 0; i < 3; i++) {
        tpm_put(&tpm, (1u << pcr) >> (8 * i) & 0xff, 1);
    }
    if (tpm_send(&tpm) == TPM_RC_SUCCESS) {
        tpm_take(&tpm, 4 + 4); /* the counter of updates, and how many selections follow */
        tpm_take(&tpm, 2 + 1 + 3);
        tpm_take(&tpm, 4 + 2);
        if (tpm_take_bytes(&tpm, digest, sizeof(digest))) {
            SPrint(what, sizeof(what), L"pcr%d", pcr);
            say_bytes(what, digest, sizeof(digest));
        }
    }
}

/* gnu-efi's start code calls it by the System V convention. */
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    EFI_GUID guid = TCG2_GUID;
    struct tpm_seed seed;
    uint8_t secret[SEED_BYTES];
    char why[TPM_WHY];
    InitializeLib(self, system);
    if (EFI_ERROR(BS->LocateProtocol(&guid, NULL, (VOID **)&tcg2))) {
        Print(L"ask: no TPM\r\n");
    } else {
        tpm.submit = submit;
        tpm.pause = pause;
        for (unsigned pcr = 0; pcr < 10; pcr++) {
            say_pcr(pcr);
        }
        if (tpm_seed_open(&tpm, &seed, why)) {
            if (tpm_seed_take(&tpm, &seed, "trustvisor", secret, why)) {
                say_bytes(L"policy", seed.policy, sizeof(seed.policy));
                say_bytes(L"secret", secret, sizeof(secret));
            }
            tpm_seed_close(&tpm, &seed);
        } else {
            Print(L"ask: refused %a\r\n", why);
        }
    }
    RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
    return EFI_ABORTED;
}
