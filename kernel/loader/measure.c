// SPDX-License-Identifier: BSD-2-Clause
// Measured boot by EFI_TCG2_PROTOCOL.
#include "measure.h"

#include <caps/layout.h>

#include "../partition.h"
#include "console.h"
#include "firmware.h"
#include "tcg2.h"
#include "text.h"
#include "tpm_seed.h"
#include "vtx.h"

#define EVENT_TEXT 80

static struct {
    struct tcg2 *tcg2;   // NULL: no TPM
    UINT32 answer_bytes; // room for an answer: the firmware may refuse as much as it itself has, and more
    bool usable;         // for secrets: all was measured so far
    bool closed;
    enum seed_origin origin;
    char why[TPM_WHY];   // not usable
    struct tpm tpm;
    struct seed seed[BOOT_PARTITIONS];
} state;

static bool submit(struct tpm *tpm, const uint8_t *command, uint32_t bytes, uint8_t *response)
{
    (void)tpm;
    return !EFI_ERROR(state.tcg2->submit(state.tcg2, bytes, (UINT8 *)(UINTN)command, state.answer_bytes, response));
}

static void pause(struct tpm *tpm)
{
    (void)tpm;
    firmware.boot->Stall(TPM_PAUSE_MS * 1000);
}

// Of several reasons the first one counts; it is told where somebody wants a secret.
static void unusable(const char *why)
{
    state.origin = SEED_UNUSABLE;
    if (state.usable)
        text_format(state.why, sizeof(state.why), "%s", why);
    state.usable = false;
}

void measure_start(void)
{
    static EFI_GUID guid = TCG2_GUID;
    struct tcg2_capability capability = { .bytes = sizeof(capability) };
    if (vtx_on_bulkhead())
        return;  // it is the outer one's, and closed
    state.origin = SEED_NO_TPM;
    if (EFI_ERROR(firmware.boot->LocateProtocol(&guid, NULL, (void **)&state.tcg2)) ||
        EFI_ERROR(state.tcg2->capability(state.tcg2, &capability)) || !capability.present) {
        state.tcg2 = NULL;
        return;
    }
    state.tpm.submit = submit;
    state.tpm.pause = pause;
    state.usable = true;
    if (!(capability.active_banks & TCG2_BANK_SHA256))
        unusable("its SHA-256 PCRs are switched off");
    else if (capability.command_bytes <= TPM_BYTES / 2 || capability.response_bytes <= TPM_BYTES / 2)
        unusable("it takes no commands or gives no answers as long as needed");
    state.answer_bytes = capability.response_bytes > TPM_BYTES ? TPM_BYTES : capability.response_bytes > 0 ? capability.response_bytes - 1u : 0;
}

static bool extend(const char *what, const void *data, size_t bytes)
{
    static struct { struct tcg2_event event; char text[EVENT_TEXT]; } __attribute__((packed)) log;
    const size_t length = text_format(log.text, sizeof(log.text), "bulkhead: %s", what);
    log.event.bytes = (UINT32)(sizeof(log.event) + length);
    log.event.header = (struct tcg2_event_header){ sizeof(log.event.header), TCG2_EVENT_VERSION, TPM_PCR_OWN, EV_IPL };
    return !EFI_ERROR(state.tcg2->measure(state.tcg2, 0, (UINTN)data, bytes, &log.event));
}

void measure(const char *what, const void *data, size_t bytes)
{
    if (state.tcg2 && !extend(what, data, bytes))
        unusable("the firmware does not measure");
}

static bool wants(const struct load *load, unsigned partition) { return load->image[partition].header.seed != 0; }

static void take(const struct load *load)
{
    struct tpm_seed key;
    char why[TPM_WHY];
    if (!tpm_seed_open(&state.tpm, &key, why)) {
        unusable(why);
        return;
    }
    for (unsigned i = 0; i < load->partition_count; i++) {
        if (wants(load, i) && state.usable && !tpm_seed_take(&state.tpm, &key, load->image[i].header.name, state.seed[i].secret, why))
            unusable(why);
    }
    tpm_seed_close(&state.tpm, &key);
    measure_close();
    if (state.usable && !tpm_seed_shut(&state.tpm, &key))
        unusable("its PCR 8 could not be closed");
}

void measure_seeds(const struct load *load)
{
    bool wanted = false;
    for (unsigned i = 0; i < load->partition_count; i++)
        wanted = wanted || wants(load, i);
    if (!wanted)
        return;
    if (state.usable)
        take(load);
    if (state.usable)
        state.origin = SEED_TPM;
    else if (state.tcg2)
        console_line("TPM: %s: keys are for this boot only", state.why);
    for (unsigned i = 0; i < load->partition_count; i++) {
        if (!state.usable)
            memory_fill(state.seed[i].secret, 0, SEED_BYTES);
        if (wants(load, i)) {
            state.seed[i].origin = state.origin;
            state.seed[i].noise_bytes = state.tcg2 ? tpm_random(&state.tpm, state.seed[i].noise, SEED_BYTES) : 0;
        }
    }
    if (state.tcg2)
        tpm_overwrite(&state.tpm);
}

void measure_give(const struct boot_info *info)
{
    for (uint32_t i = 0; i < info->partition_count; i++) {
        const struct boot_partition *image = &info->partition[i];
        struct partition *all = (struct partition *)(UINTN)info->partitions;
        void *place = (void *)(UINTN)(image->space.state.v + (image->header.seed - STATE_BASE));  // within the state region: elf_partition_read()
        if (image->header.seed != 0)
            memory_copy(info->loadable >> i & 1 ? &all[i].seed : place, &state.seed[i], sizeof(struct seed));
    }
    measure_forget();
}

void measure_forget(void) { memory_fill(state.seed, 0, sizeof(state.seed)); }

void measure_close(void)
{
    static const char over[] = "over";
    if (state.closed || !state.tcg2)
        return;
    state.closed = true;
    if (!extend("over", over, sizeof(over) - 1))
        unusable("the firmware does not measure");
}
