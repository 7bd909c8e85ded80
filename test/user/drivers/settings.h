/* SPDX-License-Identifier: MIT
 *
 * drivers/settings.h - what the driver that reads its service key tells
 */
#pragma once

#define SETTINGS_DEVICE "\\\\.\\NtboxSettings"
/* Output: a SETTINGS_ANSWER. */
#define SETTINGS_QUERY CTL_CODE(FILE_DEVICE_UNKNOWN, 0x900, METHOD_BUFFERED, FILE_ANY_ACCESS)

typedef struct SETTINGS_ANSWER {
    ULONG Answer;            /* the value of that name in the service's key; 0: none */
    WCHAR RegistryPath[128]; /* as DriverEntry got it */
} SETTINGS_ANSWER;
