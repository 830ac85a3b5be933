// SPDX-License-Identifier: BSD-2-Clause
// Keys from the loader's seed: the same at each boot with the same one, others with another one.
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../trustvisor/identity.h"
#include "../../../trustvisor/random.h"
#include "../../../trustvisor/seal_key.h"
#include "../../../trustvisor/seed.h"
#include "../check.h"
#include "entropy_fake.h"

struct keys { uint8_t aes[SEAL_KEY_AES_BYTES], hmac[SEAL_KEY_HMAC_BYTES], modulus[TV_SIGNATURE_BYTES], random[16]; };

// What a boot with that seed makes, as keys_start() does it; stirred: noise for the random generator. In a process of its own, as the keys are made once.
static struct keys boot(enum seed_origin origin, uint8_t secret, uint8_t noise)
{
    struct keys keys = { 0 };
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        seed_given = (struct seed){ .origin = origin, .noise_bytes = noise ? SEED_BYTES : 0 };
        memset(seed_given.secret, secret, SEED_BYTES);
        memset(seed_given.noise, noise, SEED_BYTES);
        random_stir(seed_given.noise, seed_given.noise_bytes);
        bool good = seal_key_make();
        identity_start();
        seed_forget();
        for (const uint8_t *byte = (const uint8_t *)&seed_given; byte < (const uint8_t *)(&seed_given + 1); byte++)
            good = good && *byte == 0;
        good = good && identity_make() && random_bytes(keys.random, sizeof(keys.random));
        memcpy(keys.aes, seal_key_aes(), sizeof(keys.aes));
        memcpy(keys.hmac, seal_key_hmac(), sizeof(keys.hmac));
        memcpy(keys.modulus, identity_modulus(), sizeof(keys.modulus));
        _exit(good && write(ends[1], &keys, sizeof(keys)) == sizeof(keys) ? 0 : 1);
    }
    int status = 1;
    CHECK_EQ(read(ends[0], &keys, sizeof(keys)), sizeof(keys));
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(ends[0]);
    close(ends[1]);
    return keys;
}

#define SAME(a, b, what) (memcmp(a.what, b.what, sizeof(a.what)) == 0)

TEST(the_same_seed_makes_the_same_keys)
{
    const struct keys first = boot(SEED_TPM, 1, 0x10), second = boot(SEED_TPM, 1, 0x20), other = boot(SEED_TPM, 2, 0x10);
    CHECK(SAME(first, second, aes) && SAME(first, second, hmac) && SAME(first, second, modulus));
    CHECK(!SAME(first, other, aes) && !SAME(first, other, hmac) && !SAME(first, other, modulus));
    CHECK(!SAME(first, second, random));  // what is random isn't the same, but for the entropy of this test
}

TEST(without_a_seed_keys_are_random)
{
    // The entropy here is the same in every run: only the noise isn't.
    const struct keys first = boot(SEED_NO_TPM, 1, 0x10), second = boot(SEED_UNUSABLE, 1, 0x20), third = boot(SEED_NONE, 2, 0x10);
    CHECK(!SAME(first, second, aes) && !SAME(first, second, modulus));
    CHECK(SAME(first, third, aes) && SAME(first, third, modulus));  // the secret isn't looked at
}

TEST(noise_does_not_make_up_for_entropy)
{
    const uint8_t noise[SEED_BYTES] = { 1 };
    uint8_t out[4];
    entropy_missing = true;
    random_stir(noise, sizeof(noise));
    CHECK(!random_bytes(out, sizeof(out)));
}

TEST(a_seed_serves_where_there_is_no_entropy)
{
    entropy_missing = true;
    seed_given.origin = SEED_TPM;
    CHECK(seal_key_make());
    seed_given.origin = SEED_NO_TPM;
    CHECK(!seal_key_make());
}
