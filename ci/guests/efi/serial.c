// SPDX-License-Identifier: BSD-2-Clause
// Text on COM1, and the ends.

#include "cpu_insn.h"
#include "port.h"
#include "serial.h"

#define COM1            0x3f8
#define COM1_STATUS     (COM1 + 5)
#define STATUS_CAN_SEND 0x20
#define STATUS_ALL_SENT 0x40
#define SEND_TRIES      1000000
#define RESET_PORT      0xcf9
#define RESET_CPU       6       // all of the machine, warm
#define SHUTDOWN_PORT   0x8900  // the emulator's: the text "Shutdown" ends it

static void wait_for(uint8_t status)
{
    for (unsigned tries = 0; !(in8(COM1_STATUS) & status) && tries < SEND_TRIES; tries++)
        ;
}

static void put(char c)
{
    wait_for(STATUS_CAN_SEND);
    out8(COM1, (uint8_t)c);
}

void serial_text(const char *text)
{
    for (; *text != '\0'; text++)
        put(*text);
}

void serial_number(uint64_t value, unsigned base)
{
    char digit[20];
    unsigned digits = 0;
    do {
        digit[digits++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (digits > 0)
        put(digit[--digits]);
}

void power_off(void)
{
    wait_for(STATUS_ALL_SENT);  // else the last letters are lost
    for (const char *c = "Shutdown"; *c != '\0'; c++)
        out8(SHUTDOWN_PORT, (uint8_t)*c);
    for (;;)
        halt();
}

void reset_machine(void)
{
    wait_for(STATUS_ALL_SENT);
    out8(RESET_PORT, RESET_CPU);
    for (;;)
        halt();
}
