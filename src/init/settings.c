/* SPDX-License-Identifier: MIT
 *
 * init/settings.c - registry values from the command line
 */
#include <stdlib.h>

#include "init/initp.h"
#include "ntcrt.h"

#define INITP_MAX_SETTING 1024

static const char InitpServices[] = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";

/* Length bytes of UTF-8 to a counted and terminated string in Buffer. */
static VOID
InitpWiden(PUNICODE_STRING String, PWCH Buffer, const char *Text, SIZE_T Length)
{
    SIZE_T chars = NtcrtUtf8ToUtf16((uint16_t *)Buffer, INITP_MAX_SETTING - 1, Text, Length);

    Buffer[chars] = 0;
    String->Buffer = Buffer;
    String->Length = (USHORT)(chars * sizeof(WCHAR));
    String->MaximumLength = (USHORT)(String->Length + sizeof(WCHAR));
}

/* The whole text is one number. */
static BOOLEAN
InitpParseNumber(const char *Text, ULONG64 *Value)
{
    char *end;

    *Value = strtoull(Text, &end, 0);
    return end != Text && *end == 0;
}

static NTSTATUS
InitpSetTyped(PCUNICODE_STRING Key, PCUNICODE_STRING Name, const char *Text)
{
    WCHAR buffer[INITP_MAX_SETTING];
    UNICODE_STRING string;
    ULONG64 number;
    ULONG low;

    if (strncmp(Text, "dword:", 6) == 0) {
        if (!InitpParseNumber(Text + 6, &number) || number > MAXULONG) {
            return STATUS_INVALID_PARAMETER;
        }
        low = (ULONG)number;
        return CmpSetValue(Key, Name, REG_DWORD, &low, sizeof(low));
    }
    if (strncmp(Text, "qword:", 6) == 0) {
        if (!InitpParseNumber(Text + 6, &number)) {
            return STATUS_INVALID_PARAMETER;
        }
        return CmpSetValue(Key, Name, REG_QWORD, &number, sizeof(number));
    }
    InitpWiden(&string, buffer, Text, strlen(Text));
    return CmpSetValue(Key, Name, REG_SZ, buffer, string.MaximumLength);
}

NTSTATUS
InitpApplySetting(const char *Setting)
{
    WCHAR keyBuffer[INITP_MAX_SETTING];
    WCHAR nameBuffer[INITP_MAX_SETTING];
    char keyText[INITP_MAX_SETTING];
    const char *equals = strchr(Setting, '=');
    const char *name;
    SIZE_T prefix = sizeof(InitpServices) - 1;
    UNICODE_STRING key;
    UNICODE_STRING value;

    if (equals == NULL || strlen(Setting) >= INITP_MAX_SETTING - prefix) {
        return STATUS_INVALID_PARAMETER;
    }
    name = equals;
    while (name > Setting && name[-1] != '\\') {
        --name;
    }
    if (name <= Setting + 1) {
        return STATUS_INVALID_PARAMETER; /* no service before the value's name */
    }
    memcpy(keyText, InitpServices, prefix);
    memcpy(keyText + prefix, Setting, (SIZE_T)(name - 1 - Setting));
    InitpWiden(&key, keyBuffer, keyText, prefix + (SIZE_T)(name - 1 - Setting));
    InitpWiden(&value, nameBuffer, name, (SIZE_T)(equals - name));
    return InitpSetTyped(&key, &value, equals + 1);
}
