/* SPDX-License-Identifier: BSD-2-Clause */
/* port_out PORT BYTE [PORT BYTE]...: those bytes to those ports, one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

int main(int argc, char **argv)
{
    if (argc < 3 || argc % 2 == 0 || iopl(3) != 0) {
        printf("port_out: FAIL PORT BYTE [PORT BYTE]..., and the right to them\n");
        return 1;
    }
    for (int i = 1; i < argc; i += 2)
        outb((unsigned char)strtoul(argv[i + 1], NULL, 0), (unsigned short)strtoul(argv[i], NULL, 0));
    return 0;
}
