/* SPDX-License-Identifier: MIT
 *
 * kd/json.c - the bugcheck report as a JSON file
 *
 * Written by hand, because a crashed process may be unable to allocate: one static buffer, cut at
 * its end into still valid JSON by leaving out stack frames.
 */
#include <stdarg.h>
#include <stdio.h>

#include "kd/kdp.h"

static struct {
    char Text[96 * 1024];
    size_t Length;
} KdpJson;

static VOID
KdpPutRaw(const char *Text, size_t Length)
{
    if (Length <= sizeof(KdpJson.Text) - KdpJson.Length) {
        memcpy(KdpJson.Text + KdpJson.Length, Text, Length);
        KdpJson.Length += Length;
    }
}

__attribute__((format(printf, 1, 2))) static VOID
KdpPutFormat(const char *Format, ...)
{
    char text[256];
    va_list arguments;
    int length;

    va_start(arguments, Format);
    length = vsnprintf(text, sizeof(text), Format, arguments);
    va_end(arguments);
    KdpPutRaw(text, (size_t)min(length, (int)sizeof(text) - 1));
}

/* Bytes of the UTF-8 character at Text, 0 if it is none. */
static size_t
KdpCharacterLength(const unsigned char *Text)
{
    static const struct {
        unsigned char Mask;
        unsigned char Lead;
        unsigned Lowest;
    } forms[] = {{0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); ++i) {
        unsigned code = Text[0] & (unsigned char)~forms[i].Mask;
        size_t length = 1;
        if ((Text[0] & forms[i].Mask) != forms[i].Lead) {
            continue;
        }
        while (length < i + 2 && (Text[length] & 0xC0) == 0x80) {
            code = code << 6 | (Text[length++] & 0x3F);
        }
        return length == i + 2 && code >= forms[i].Lowest && code <= 0x10FFFF &&
                       (code < 0xD800 || code > 0xDFFF)
                   ? length
                   : 0;
    }
    return 0;
}

static VOID
KdpPutString(const char *String)
{
    const unsigned char *text = (const unsigned char *)String;

    KdpPutRaw("\"", 1);
    while (*text != 0) {
        size_t length = *text < 0x80 ? 1 : KdpCharacterLength(text);
        if (length == 0) {
            KdpPutRaw("\\ufffd", 6);
            length = 1;
        } else if (*text == '"' || *text == '\\') {
            KdpPutFormat("\\%c", *text);
        } else if (*text < 0x20) {
            KdpPutFormat("\\u%04x", *text);
        } else {
            KdpPutRaw((const char *)text, length);
        }
        text += length;
    }
    KdpPutRaw("\"", 1);
}

static VOID
KdpPutMember(const char *Name, const char *Value)
{
    KdpPutFormat(",\"%s\":", Name);
    KdpPutString(Value);
}

static VOID
KdpPutParameters(const KDP_REPORT *Report)
{
    KdpPutFormat(",\"parameters\":[");
    for (int i = 0; i < 4; ++i) {
        KdpPutFormat("%s{\"value\":\"0x%016llX\"", i != 0 ? "," : "",
                     (unsigned long long)Report->Parameter[i]);
        KdpPutMember("meaning", Report->Meaning[i]);
        KdpPutMember("note", Report->Note[i]);
        KdpPutRaw("}", 1);
    }
    KdpPutRaw("]", 1);
}

static VOID
KdpPutFrame(const KDP_REPORT *Report, ULONG Index)
{
    const HALP_SYMBOL *symbol = &Report->Symbol[Index];

    KdpPutFormat("%s{\"address\":\"0x%016llX\"", Index != 0 ? "," : "",
                 (unsigned long long)Report->Frame[Index]);
    KdpPutMember("module", symbol->Module);
    KdpPutMember("function", symbol->Function);
    KdpPutFormat(",\"offset\":%llu", (unsigned long long)symbol->Offset);
    KdpPutMember("file", symbol->File);
    KdpPutFormat(",\"line\":%u}", symbol->Line);
}

/* A frame takes at most 6 bytes for each of its text, and some words: what must be left over. */
#define KDP_FRAME_ROOM (6 * (64 + 128 + 256) + 256)

static VOID
KdpPutStack(const KDP_REPORT *Report)
{
    KdpPutFormat(",\"stack\":[");
    for (ULONG i = 0; i < Report->FrameCount; ++i) {
        if (sizeof(KdpJson.Text) - KdpJson.Length < KDP_FRAME_ROOM + 16) {
            break;
        }
        KdpPutFrame(Report, i);
    }
    KdpPutRaw("]", 1);
}

HALP_STATUS
KdpWriteJson(const char *Path, const KDP_REPORT *Report)
{
    KdpJson.Length = 0;
    KdpPutFormat("{\"version\":1,\"code\":%u,\"hex\":\"0x%08X\"", (unsigned)Report->Code,
                 (unsigned)Report->Code);
    KdpPutMember("name", Report->Known != NULL ? Report->Known->Name : "");
    KdpPutParameters(Report);
    KdpPutMember("detail", Report->Detail);
    KdpPutFormat(",\"irql\":%u,\"threadId\":%u,\"systemThread\":%s,\"processId\":%u", Report->Irql,
                 (unsigned)Report->ThreadId, Report->IsSystemThread ? "true" : "false",
                 (unsigned)Report->ProcessId);
    KdpPutMember("process", Report->ProcessName);
    KdpPutMember("dpc", Report->Dpc);
    KdpPutMember("driver", Report->Driver);
    KdpPutMember("irp", Report->Irp);
    KdpPutMember("holds", Report->Holds);
    KdpPutStack(Report);
    KdpPutRaw("}\n", 2);
    return HalpWriteFile(Path, KdpJson.Text, KdpJson.Length);
}
