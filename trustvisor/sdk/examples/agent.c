// SPDX-License-Identifier: BSD-2-Clause
// agent make KEY: makes a key, prints its public half; KEY is a new file with it, sealed. agent sign KEY MESSAGE: prints the signature of the text.
#include "agent.h"

#include <stdio.h>
#include <string.h>
#include <trustvisor/pal.h>

#include "agent_layout.h"

extern const uint8_t agent_image[];

typedef uintptr_t agent_t(struct agent *);

static struct agent agent;
static const struct tv_params params = { 1, 0, { { TV_PARAM_POINTER, 0, sizeof(agent) / sizeof(uintptr_t) } } };
static const struct pal_image image = { agent_image, AGENT_AT, AGENT_ENTRY, AGENT_CODE_PAGES, AGENT_DATA_PAGES, 4, 1 };
static const char *const result_text[] = { "OK", "no entropy", "the key was not sealed by this PAL on this machine, is damaged, or trustvisor's was for an earlier boot only", "no key" };

static int run(void)
{
    struct pal pal;
    const enum pal_status status = pal_open_image(&pal, &image, &params);
    if (status != PAL_OK) {
        fprintf(stderr, "agent: %s\n", pal_status_text(status));
        return 1;
    }
    const uintptr_t result = ((agent_t *)pal.entry)(&agent);
    pal_close(&pal);
    if (result != AGENT_OK)
        fprintf(stderr, "agent: %s\n", result <= AGENT_NO_KEY ? result_text[result] : "the call failed");
    return result != AGENT_OK;
}

static void print(const char *name, const uint8_t *data, uint32_t bytes)
{
    printf("%s ", name);
    for (uint32_t i = 0; i < bytes; i++)
        printf("%02x", data[i]);
    printf("\n");
}

static int make(const char *name)
{
    FILE *file = fopen(name, "wbx");  // a key that is there isn't to be had again
    if (file == NULL) {
        fprintf(stderr, "agent: %s is there already, or can't be made\n", name);
        return 1;
    }
    agent.command = AGENT_MAKE;
    if (run() != 0) {
        fclose(file);
        remove(name);
        return 1;
    }
    if (fwrite(&agent.blob_bytes, sizeof(agent.blob_bytes), 1, file) != 1 || fwrite(agent.blob, sizeof(agent.blob), 1, file) != 1 ||
        fclose(file) != 0) {
        fprintf(stderr, "agent: %s can't be written\n", name);
        remove(name);
        return 1;
    }
    print("public", agent.public_key, AGENT_PUBLIC_BYTES);
    return 0;
}

static int sign(const char *name, const char *message)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fprintf(stderr, "agent: %s can't be read\n", name);
        return 1;
    }
    const int whole = fread(&agent.blob_bytes, sizeof(agent.blob_bytes), 1, file) == 1 && fread(agent.blob, sizeof(agent.blob), 1, file) == 1 && fgetc(file) == EOF;
    fclose(file);
    if (!whole) {
        fprintf(stderr, "agent: %s is no key\n", name);
        return 1;
    }
    if (strlen(message) > sizeof(agent.message)) {
        fprintf(stderr, "agent: a message has at most %u bytes\n", (unsigned)sizeof(agent.message));
        return 1;
    }
    agent.command = AGENT_SIGN;
    agent.message_bytes = (uint32_t)strlen(message);
    memcpy(agent.message, message, agent.message_bytes);
    if (run() != 0)
        return 1;
    print("signature", agent.signature, sizeof(agent.signature));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "make") == 0)
        return make(argv[2]);
    if (argc == 4 && strcmp(argv[1], "sign") == 0)
        return sign(argv[2], argv[3]);
    fprintf(stderr, "usage: agent make KEY | agent sign KEY MESSAGE\n");
    return 2;
}
