// SPDX-License-Identifier: BSD-2-Clause
// Writes lines to the UEFI console and, where the firmware doesn't do that itself, to COM1.
#include "console.h"

#include <stdbool.h>
#include <stddef.h>

#include "firmware.h"
#include "port.h"
#include "text.h"

#define LINE 320

#define COM1             0x3f8u
#define COM1_LINE_STATUS (COM1 + 5)
#define COM1_READY       0x20u  // the transmitter's holding register is empty
#define COM1_POLLS       100000u

// Device path nodes (UEFI 2.10, 10.3): ACPI PNP0501 number 0 (what OVMF and EDK2 platforms call COM1), UART, ends.
enum { NODE_ACPI = 0x02, NODE_ACPI_DEVICE = 0x01, NODE_MESSAGING = 0x03, NODE_UART = 0x0e, NODE_END = 0x7f, NODE_END_ALL = 0xff };
#define HID_PNP0501 0x050141d0u

// Is COM1 among the firmware's consoles (variable ConOut: a device path of several instances)?
static bool console_on_com1(void)
{
    static EFI_GUID global = EFI_GLOBAL_VARIABLE;
    static CHAR16 name[] = u"ConOut";
    static UINT8 path[2048];
    UINTN bytes = sizeof(path);
    if (EFI_ERROR(firmware.system->RuntimeServices->GetVariable(name, &global, NULL, &bytes, path)))
        return false;
    bool com1 = false;
    for (UINTN at = 0; at + 4 <= bytes;) {
        UINTN length = path[at + 2] | (UINTN)path[at + 3] << 8;
        if (length < 4 || length > bytes - at || (path[at] == NODE_END && path[at + 1] == NODE_END_ALL))
            break;
        if (path[at] == NODE_END)
            com1 = false;
        if (path[at] == NODE_ACPI && path[at + 1] == NODE_ACPI_DEVICE && length >= 12) {
            UINT32 hid = 0, number = 0;
            for (unsigned i = 0; i < 4; i++) {
                hid |= (UINT32)path[at + 4 + i] << (8 * i);
                number |= (UINT32)path[at + 8 + i] << (8 * i);
            }
            com1 = hid == HID_PNP0501 && number == 0;
        }
        if (com1 && path[at] == NODE_MESSAGING && path[at + 1] == NODE_UART)
            return true;
        at += length;
    }
    return false;
}

static void com1_char(char c)
{
    for (unsigned i = 0; i < COM1_POLLS; i++) {
        uint8_t status = port_in(COM1_LINE_STATUS);
        if (status == 0xff)
            return;  // no such port
        if (status & COM1_READY)
            break;
    }
    port_out(COM1, (uint8_t)c);
}

// 115200 baud, 8 bits, no parity, FIFO on: nobody has set it up if the firmware doesn't use it.
static void com1_start(void)
{
    static const struct { uint8_t offset, value; } setup[] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}, {4, 3}};
    for (unsigned i = 0; i < sizeof(setup) / sizeof(setup[0]); i++)
        port_out((uint16_t)(COM1 + setup[i].offset), setup[i].value);
}

void console_line(const char *format, ...)
{
    static enum { UNKNOWN, FIRMWARE, OURS } com1;
    char line[LINE];
    CHAR16 wide[LINE];
    va_list list;
    va_start(list, format);
    size_t length = text_format(line, sizeof(line) - 2, "bulkhead: ");
    length += text_format_list(line + length, sizeof(line) - 2 - length, format, list);
    va_end(list);
    line[length++] = '\r';
    line[length++] = '\n';
    for (size_t i = 0; i < length; i++)
        wide[i] = (CHAR16)line[i];
    wide[length] = 0;
    if (firmware.system->ConOut)
        firmware.system->ConOut->OutputString(firmware.system->ConOut, wide);
    if (com1 == UNKNOWN) {
        com1 = console_on_com1() ? FIRMWARE : OURS;
        if (com1 == OURS)
            com1_start();
    }
    for (size_t i = 0; com1 == OURS && i < length; i++)
        com1_char(line[i]);
}
