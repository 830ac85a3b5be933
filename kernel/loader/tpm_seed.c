// SPDX-License-Identifier: BSD-2-Clause
#include "tpm_seed.h"

#include "../memory.h"
#include "text.h"

#define LABEL "bulkhead seed 1 "  // what is HMACed: this and the partition's name
#define LABEL_NAME 64u

#define SESSION_POLICY 1u
#define SESSION_NONCE  16u

// Of the key: it stays in this TPM and hierarchy, the TPM alone made it, it is used by its policy alone, and only to sign (part 2, 8.3 "TPMA_OBJECT").
enum { FIXED_TPM = 1u << 1, FIXED_PARENT = 1u << 4, DATA_ORIGIN = 1u << 5, ADMIN_WITH_POLICY = 1u << 7, NO_DA = 1u << 10, SIGN = 1u << 18 };
#define KEY_ATTRIBUTES (FIXED_TPM | FIXED_PARENT | DATA_ORIGIN | ADMIN_WITH_POLICY | NO_DA | SIGN)

#define CAP_TPM_PROPERTIES 6u
#define PROPERTIES_FIXED   0x100u
#define PROPERTIES_MANY    64u

static const char *command_name(uint32_t code)
{
    switch (code) {
    case TPM_CC_CREATE_PRIMARY: return "TPM2_CreatePrimary";
    case TPM_CC_HMAC: return "TPM2_HMAC";
    case TPM_CC_START_AUTH_SESSION: return "TPM2_StartAuthSession";
    case TPM_CC_POLICY_PCR: return "TPM2_PolicyPCR";
    case TPM_CC_POLICY_GET_DIGEST: return "TPM2_PolicyGetDigest";
    default: return "TPM2_PCR_Read";
    }
}

// Says why the command that was sent last failed.
static bool failed(const struct tpm *tpm, uint32_t code, char why[TPM_WHY])
{
    const uint32_t error = code & TPM_RC_FORMAT1 ? code & TPM_RC_ERROR : code;
    const char *name = command_name(tpm->code);
    if (code == TPM_RC_BROKEN || code == TPM_RC_SUCCESS)
        text_format(why, TPM_WHY, "%s: its answer is none", name);
    else if (tpm->code == TPM_CC_CREATE_PRIMARY && (error == TPM_RC_BAD_AUTH || error == TPM_RC_AUTH_FAIL))
        text_format(why, TPM_WHY, "its owner hierarchy has a password");
    else if (tpm->code == TPM_CC_CREATE_PRIMARY && error == TPM_RC_HIERARCHY)
        text_format(why, TPM_WHY, "its owner hierarchy is switched off");
    else if (code == TPM_RC_COMMAND_CODE)
        text_format(why, TPM_WHY, "it has no %s", name);
    else
        text_format(why, TPM_WHY, "%s: error 0x%x", name, code);
    return false;
}

static void put_pcrs(struct tpm *tpm, uint32_t pcrs)
{
    tpm_put(tpm, 1, 4);
    tpm_put(tpm, TPM_ALG_SHA256, 2);
    tpm_put(tpm, 3, 1);
    for (unsigned i = 0; i < 3; i++)
        tpm_put(tpm, pcrs >> (8 * i) & 0xff, 1);
}

static void flush(struct tpm *tpm, uint32_t handle)
{
    tpm_begin(tpm, TPM_ST_NO_SESSIONS, TPM_CC_FLUSH_CONTEXT);
    tpm_put(tpm, handle, 4);
    (void)tpm_send(tpm);
}

// A session whose policy is the PCRs as they are now.
static uint32_t start_policy(struct tpm *tpm, uint32_t *session)
{
    static const uint8_t nonce[SESSION_NONCE];  // nothing is authenticated by it
    tpm_begin(tpm, TPM_ST_NO_SESSIONS, TPM_CC_START_AUTH_SESSION);
    tpm_put(tpm, TPM_RH_NULL, 4);
    tpm_put(tpm, TPM_RH_NULL, 4);
    tpm_put_sized(tpm, nonce, sizeof(nonce));
    tpm_put_sized(tpm, NULL, 0);
    tpm_put(tpm, SESSION_POLICY, 1);
    tpm_put(tpm, TPM_ALG_NULL, 2);
    tpm_put(tpm, TPM_ALG_SHA256, 2);
    uint32_t code = tpm_send(tpm);
    if (code != TPM_RC_SUCCESS)
        return code;
    *session = (uint32_t)tpm_take(tpm, 4);
    if (tpm->broken)
        return TPM_RC_BROKEN;
    tpm_begin(tpm, TPM_ST_NO_SESSIONS, TPM_CC_POLICY_PCR);
    tpm_put(tpm, *session, 4);
    tpm_put_sized(tpm, NULL, 0);
    put_pcrs(tpm, TPM_PCRS);
    code = tpm_send(tpm);
    if (code != TPM_RC_SUCCESS) {
        const uint32_t command = tpm->code;
        flush(tpm, *session);
        tpm->code = command;
    }
    return code;
}

// A digest with its length before it.
static uint32_t take_digest(struct tpm *tpm, uint8_t digest[TPM_DIGEST_BYTES])
{
    const uint64_t bytes = tpm_take(tpm, 2);
    return bytes == TPM_DIGEST_BYTES && tpm_take_bytes(tpm, digest, TPM_DIGEST_BYTES) ? TPM_RC_SUCCESS : TPM_RC_BROKEN;
}

static uint32_t read_policy(struct tpm *tpm, uint8_t policy[TPM_DIGEST_BYTES])
{
    uint32_t session;
    uint32_t code = start_policy(tpm, &session);
    if (code != TPM_RC_SUCCESS)
        return code;
    tpm_begin(tpm, TPM_ST_NO_SESSIONS, TPM_CC_POLICY_GET_DIGEST);
    tpm_put(tpm, session, 4);
    code = tpm_send(tpm);
    if (code == TPM_RC_SUCCESS)
        code = take_digest(tpm, policy);
    flush(tpm, session);
    tpm->code = TPM_CC_POLICY_GET_DIGEST;
    return code;
}

static uint32_t make_key(struct tpm *tpm, struct tpm_seed *seed)
{
    tpm_begin(tpm, TPM_ST_SESSIONS, TPM_CC_CREATE_PRIMARY);
    tpm_put(tpm, TPM_RH_OWNER, 4);
    tpm_put_session(tpm, TPM_RS_PW, 0);
    tpm_put(tpm, 4, 2);  // TPM2B_SENSITIVE_CREATE: no password, no data
    tpm_put(tpm, 0, 4);
    tpm_put(tpm, 2 + 2 + 4 + 2 + TPM_DIGEST_BYTES + 4 + 2, 2);  // TPM2B_PUBLIC
    tpm_put(tpm, TPM_ALG_KEYEDHASH, 2);
    tpm_put(tpm, TPM_ALG_SHA256, 2);
    tpm_put(tpm, KEY_ATTRIBUTES, 4);
    tpm_put_sized(tpm, seed->policy, TPM_DIGEST_BYTES);
    tpm_put(tpm, TPM_ALG_HMAC, 2);
    tpm_put(tpm, TPM_ALG_SHA256, 2);
    tpm_put_sized(tpm, NULL, 0);  // unique
    tpm_put_sized(tpm, NULL, 0);  // outside information
    tpm_put(tpm, 0, 4);           // PCRs at creation
    const uint32_t code = tpm_send(tpm);
    seed->key = (uint32_t)tpm_take(tpm, 4);
    return code == TPM_RC_SUCCESS && tpm->broken ? TPM_RC_BROKEN : code;
}

// Has the firmware measured what it started? A PCR that nobody extended holds zeros, and anybody could make it so.
static uint32_t read_measured(struct tpm *tpm, bool *measured)
{
    uint8_t pcr[TPM_DIGEST_BYTES];
    tpm_begin(tpm, TPM_ST_NO_SESSIONS, TPM_CC_PCR_READ);
    put_pcrs(tpm, 1u << TPM_PCR_BOOT);
    uint32_t code = tpm_send(tpm);
    if (code != TPM_RC_SUCCESS)
        return code;
    (void)tpm_take(tpm, 4);                                     // the counter of updates
    const bool one = tpm_take(tpm, 4) == 1 && tpm_take(tpm, 2) == TPM_ALG_SHA256;
    const uint64_t select = tpm_take(tpm, 1);
    (void)tpm_take(tpm, select < 8 ? (uint32_t)select : 8);
    if (!one || tpm_take(tpm, 4) != 1 || take_digest(tpm, pcr) != TPM_RC_SUCCESS)
        return TPM_RC_BROKEN;
    *measured = false;
    for (unsigned i = 0; i < TPM_DIGEST_BYTES; i++)
        *measured = *measured || pcr[i] != 0;
    return TPM_RC_SUCCESS;
}

bool tpm_seed_open(struct tpm *tpm, struct tpm_seed *seed, char why[TPM_WHY])
{
    bool measured = false;
    uint32_t code = read_measured(tpm, &measured);
    if (code == TPM_RC_SUCCESS && !measured) {
        text_format(why, TPM_WHY, "the firmware has measured nothing of what it started");
        return false;
    }
    if (code == TPM_RC_SUCCESS)
        code = read_policy(tpm, seed->policy);
    if (code == TPM_RC_SUCCESS)
        code = make_key(tpm, seed);
    return code == TPM_RC_SUCCESS || failed(tpm, code, why);
}

bool tpm_seed_take(struct tpm *tpm, const struct tpm_seed *seed, const char *name, uint8_t secret[SEED_BYTES], char why[TPM_WHY])
{
    char label[sizeof(LABEL) + LABEL_NAME];
    uint32_t session;
    uint32_t code = start_policy(tpm, &session);
    if (code != TPM_RC_SUCCESS)
        return failed(tpm, code, why);
    tpm_begin(tpm, TPM_ST_SESSIONS, TPM_CC_HMAC);
    tpm_put(tpm, seed->key, 4);
    tpm_put_session(tpm, session, 0);  // which ends with it
    tpm_put_sized(tpm, label, (uint32_t)text_format(label, sizeof(label), LABEL "%s", name));
    tpm_put(tpm, TPM_ALG_SHA256, 2);
    code = tpm_send(tpm);
    if (code == TPM_RC_SUCCESS) {
        (void)tpm_take(tpm, 4);  // bytes of the parameters
        code = take_digest(tpm, secret);
    } else {
        flush(tpm, session);
        tpm->code = TPM_CC_HMAC;
    }
    if (code == TPM_RC_SUCCESS)
        return true;
    memory_fill(secret, 0, SEED_BYTES);
    return failed(tpm, code, why);
}
_Static_assert(SEED_BYTES == TPM_DIGEST_BYTES, "a secret is an HMAC");

void tpm_seed_close(struct tpm *tpm, const struct tpm_seed *seed) { flush(tpm, seed->key); }

bool tpm_seed_shut(struct tpm *tpm, const struct tpm_seed *seed)
{
    uint8_t policy[TPM_DIGEST_BYTES];
    bool same = true;
    if (read_policy(tpm, policy) != TPM_RC_SUCCESS)
        return false;
    for (unsigned i = 0; i < TPM_DIGEST_BYTES; i++)
        same = same && policy[i] == seed->policy[i];
    return !same;
}

uint32_t tpm_random(struct tpm *tpm, uint8_t *out, uint32_t bytes)
{
    uint32_t have = 0;
    for (unsigned i = 0; i < TPM_TRIES && have < bytes; i++) {  // it may give fewer than it is asked for
        tpm_begin(tpm, TPM_ST_NO_SESSIONS, TPM_CC_GET_RANDOM);
        tpm_put(tpm, bytes - have, 2);
        if (tpm_send(tpm) != TPM_RC_SUCCESS)
            break;
        const uint64_t some = tpm_take(tpm, 2);
        if (some == 0 || some > bytes - have || !tpm_take_bytes(tpm, out + have, (uint32_t)some))
            break;
        have += (uint32_t)some;
    }
    return have;
}

void tpm_overwrite(struct tpm *tpm)
{
    tpm_begin(tpm, TPM_ST_NO_SESSIONS, TPM_CC_GET_CAPABILITY);
    tpm_put(tpm, CAP_TPM_PROPERTIES, 4);
    tpm_put(tpm, PROPERTIES_FIXED, 4);
    tpm_put(tpm, PROPERTIES_MANY, 4);
    (void)tpm_send(tpm);
    tpm_forget(tpm);
}
