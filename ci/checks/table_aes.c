// SPDX-License-Identifier: BSD-2-Clause
// What must not be linked into trustvisor: AES by tables. For the test of constant_time.py.
#include <string.h>

#include <bearssl.h>

int main(void)
{
    br_aes_big_cbcenc_keys keys;
    br_aes_small_ctr_keys small;
    uint8_t iv[16] = { 0 }, data[16] = "a block of bytes";
    br_aes_big_cbcenc_init(&keys, "sixteen bytes ..", 16);
    br_aes_big_cbcenc_run(&keys, iv, data, sizeof(data));
    br_aes_small_ctr_init(&small, iv, sizeof(iv));
    return (int)br_aes_small_ctr_run(&small, iv, 0, data, sizeof(data)) == 0;
}
