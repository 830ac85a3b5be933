// SPDX-License-Identifier: BSD-2-Clause
// Dates of the Gregorian calendar.
#include "clock.h"

#include <stdbool.h>

#include "text.h"

#define DAY 86400ull

static bool is_leap(unsigned year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

uint64_t clock_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second)
{
    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 || minute > 59 || second > 59)
        return 0;
    uint64_t days = day - 1;
    for (unsigned y = 1970; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (unsigned m = 1; m < month; m++)
        days += month_days(year, m);
    return days * DAY + hour * 3600 + minute * 60 + second;
}

void clock_text(uint64_t seconds, char text[CLOCK_TEXT])
{
    unsigned year = 1970, month = 1;
    uint64_t days = seconds / DAY;
    if (seconds == 0 || seconds > clock_seconds(9999, 12, 31, 23, 59, 59)) {
        text_format(text, CLOCK_TEXT, "at an unknown time");
        return;
    }
    for (; days >= (is_leap(year) ? 366 : 365); year++)
        days -= is_leap(year) ? 366 : 365;
    for (; days >= month_days(year, month); month++)
        days -= month_days(year, month);
    const unsigned rest = (unsigned)(seconds % DAY);
    text_format(text, CLOCK_TEXT, "%04u-%02u-%02u %02u:%02u:%02u", year, month, (unsigned)days + 1, rest / 3600, rest / 60 % 60, rest % 60);
}
