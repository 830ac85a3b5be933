/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts the machine to sleep as a system's last instruction on its way there does: PM1a_CNT gets SLP_TYP and SLP_EN (ACPI 6.5, 4.8.3.2.1). Of the types that the PIIX4 has
   one at which Bochs stays awake: after S3 the firmware crashes (docs/emulators.md). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>

enum { PM1A_CONTROL = 64, SLP_TYP_S1 = 4 << 10 /* the PIIX4's */, SLP_EN = 1 << 13 };

int main(void)
{
    uint8_t table[PM1A_CONTROL + 4];
    uint32_t port;
    FILE *file = fopen("/sys/firmware/acpi/tables/FACP", "rb");
    if (file == NULL || fread(table, sizeof(table), 1, file) != 1 || iopl(3) != 0) {
        printf("suspend: FAIL no FADT, or no right to its ports\n");
        return 1;
    }
    memcpy(&port, &table[PM1A_CONTROL], sizeof(port));
    outw(SLP_TYP_S1 | SLP_EN, (uint16_t)port);
    return 0;
}
