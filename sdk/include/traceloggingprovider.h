/* SPDX-License-Identifier: MIT
 *
 * traceloggingprovider.h - TraceLogging: providers that are registered, events that nobody takes
 *
 * As on Windows when no session has enabled the provider, the values of an event are not evaluated.
 * They are checked by the compiler all the same. A driver's provider is registered by EtwRegister.
 * Source  WDK reference, traceloggingprovider.h: each macro's own page.
 */
#ifndef NTBOX_TRACELOGGINGPROVIDER_H
#define NTBOX_TRACELOGGINGPROVIDER_H
#pragma GCC system_header

#include <evntprov.h>

#ifdef __cplusplus
extern "C" {
#endif

struct _tlgProvider_t {
    const char *Name;
    GUID Id;
    ULONGLONG Handle; /* EtwRegister's; 0: not registered */
};
typedef struct _tlgProvider_t const *TraceLoggingHProvider;

#define NTBOX_TLG_GUID(a, b, c, d, e, f, g, h, i, j, k) \
    {                                                   \
        a, b, c,                                        \
        {                                               \
            d, e, f, g, h, i, j, k                      \
        }                                               \
    }
#define TRACELOGGING_DECLARE_PROVIDER(variable) extern TraceLoggingHProvider const variable
#define TRACELOGGING_DEFINE_PROVIDER_STORAGE(storage, name, id, ...) \
    static struct _tlgProvider_t storage = {"" name, NTBOX_TLG_GUID id, 0}
#define TRACELOGGING_DEFINE_PROVIDER(variable, name, id, ...)                          \
    static struct _tlgProvider_t variable##_Storage = {"" name, NTBOX_TLG_GUID id, 0}; \
    extern TraceLoggingHProvider const variable;                                       \
    TraceLoggingHProvider const variable = &variable##_Storage
#define TraceLoggingOptionGroup(...)

#ifdef _WDMDDK_
FORCEINLINE NTSTATUS
TraceLoggingRegisterEx(TraceLoggingHProvider Provider, PETWENABLECALLBACK Callback, PVOID Context)
{
    return EtwRegister(&Provider->Id, Callback, Context,
                       &((struct _tlgProvider_t *)Provider)->Handle);
}

FORCEINLINE void
TraceLoggingUnregister(TraceLoggingHProvider Provider)
{
    struct _tlgProvider_t *own = (struct _tlgProvider_t *)Provider;
    ULONGLONG handle = own->Handle;

    own->Handle = 0;
    if (handle != 0) {
        EtwUnregister(handle);
    }
}
#else
FORCEINLINE HRESULT
TraceLoggingRegisterEx(TraceLoggingHProvider Provider, PENABLECALLBACK Callback, PVOID Context)
{
    (void)Provider;
    (void)Callback;
    (void)Context;
    return 0;
}

FORCEINLINE void
TraceLoggingUnregister(TraceLoggingHProvider Provider)
{
    (void)Provider;
}
#endif
#define TraceLoggingRegister(provider) TraceLoggingRegisterEx((provider), NULL, NULL)
#define TraceLoggingProviderEnabled(provider, level, keyword) \
    ((void)(provider)->Name, (void)(UCHAR)(level), (void)(ULONGLONG)(keyword), FALSE)

/* ---- events: checked, not evaluated ---- */

#define NTBOX_TLG_EVENT(provider, name, ...) \
    ((void)(0 && ((void)(provider)->Name, (void)("" name), ##__VA_ARGS__, 0)))
#define TraceLoggingWrite(provider, name, ...) NTBOX_TLG_EVENT(provider, name, ##__VA_ARGS__)
#define TraceLoggingWriteActivity(provider, name, activity, related, ...)              \
    NTBOX_TLG_EVENT(provider, name, (const GUID *)(activity), (const GUID *)(related), \
                    ##__VA_ARGS__)
#define TraceLoggingWriteStart(activity, name, ...) \
    ((void)(0 && ((void)(activity), (void)("" name), ##__VA_ARGS__, 0)))
#define TraceLoggingWriteStop TraceLoggingWriteStart
#define TraceLoggingWriteTagged TraceLoggingWriteStart

#define TraceLoggingLevel(level) (void)(UCHAR)(level)
#define TraceLoggingKeyword(keyword) (void)(ULONGLONG)(keyword)
#define TraceLoggingOpcode(opcode) (void)(UCHAR)(opcode)
#define TraceLoggingChannel(channel) (void)(UCHAR)(channel)
#define TraceLoggingEventTag(tag) (void)(ULONG)(tag)
#define TraceLoggingDescription(text) (void)("" text)
#define TraceLoggingStruct(count, name, ...) (void)(count)
#define TraceLoggingPackedField(...) (void)0
#define TraceLoggingPackedMetadata(...) (void)0

#define NTBOX_TLG_AS(type, value) (void)(type)(value)
#define TraceLoggingValue(value, ...) (void)(value)
#define TraceLoggingInt8(value, ...) NTBOX_TLG_AS(INT8, value)
#define TraceLoggingUInt8(value, ...) NTBOX_TLG_AS(UINT8, value)
#define TraceLoggingInt16(value, ...) NTBOX_TLG_AS(INT16, value)
#define TraceLoggingUInt16(value, ...) NTBOX_TLG_AS(UINT16, value)
#define TraceLoggingInt32(value, ...) NTBOX_TLG_AS(INT32, value)
#define TraceLoggingUInt32(value, ...) NTBOX_TLG_AS(UINT32, value)
#define TraceLoggingInt64(value, ...) NTBOX_TLG_AS(INT64, value)
#define TraceLoggingUInt64(value, ...) NTBOX_TLG_AS(UINT64, value)
#define TraceLoggingIntPtr(value, ...) NTBOX_TLG_AS(INT_PTR, value)
#define TraceLoggingUIntPtr(value, ...) NTBOX_TLG_AS(UINT_PTR, value)
#define TraceLoggingLong(value, ...) NTBOX_TLG_AS(LONG, value)
#define TraceLoggingULong(value, ...) NTBOX_TLG_AS(ULONG, value)
#define TraceLoggingHexUInt8 TraceLoggingUInt8
#define TraceLoggingHexUInt16 TraceLoggingUInt16
#define TraceLoggingHexUInt32 TraceLoggingUInt32
#define TraceLoggingHexInt32 TraceLoggingInt32
#define TraceLoggingHexUInt64 TraceLoggingUInt64
#define TraceLoggingHexInt64 TraceLoggingInt64
#define TraceLoggingHexLong TraceLoggingLong
#define TraceLoggingHexULong TraceLoggingULong
#define TraceLoggingHexUIntPtr TraceLoggingUIntPtr
#define TraceLoggingFloat32(value, ...) NTBOX_TLG_AS(float, value)
#define TraceLoggingFloat64(value, ...) NTBOX_TLG_AS(double, value)
#define TraceLoggingBoolean(value, ...) NTBOX_TLG_AS(UINT8, value)
#define TraceLoggingBool(value, ...) NTBOX_TLG_AS(INT32, value)
#define TraceLoggingChar(value, ...) NTBOX_TLG_AS(char, value)
#define TraceLoggingWChar(value, ...) NTBOX_TLG_AS(WCHAR, value)
#define TraceLoggingPointer(value, ...) NTBOX_TLG_AS(const void *, value)
#define TraceLoggingCodePointer TraceLoggingPointer
#define TraceLoggingPid(value, ...) NTBOX_TLG_AS(UINT32, value)
#define TraceLoggingTid(value, ...) NTBOX_TLG_AS(UINT32, value)
#define TraceLoggingPort(value, ...) NTBOX_TLG_AS(UINT16, value)
#define TraceLoggingWinError(value, ...) NTBOX_TLG_AS(UINT32, value)
#define TraceLoggingNTStatus(value, ...) NTBOX_TLG_AS(NTSTATUS, value)
#define TraceLoggingNtStatus TraceLoggingNTStatus
#define TraceLoggingHResult(value, ...) NTBOX_TLG_AS(INT32, value)
#define TraceLoggingGuid(value, ...) (void)(value).Data1
#define TraceLoggingFileTime(value, ...) (void)(value)
#define TraceLoggingSystemTime(value, ...) (void)(value)
#define TraceLoggingSid(value, ...) NTBOX_TLG_AS(const void *, value)
#define TraceLoggingString(value, ...) NTBOX_TLG_AS(const char *, value)
#define TraceLoggingWideString(value, ...) NTBOX_TLG_AS(const WCHAR *, value)
#define TraceLoggingUtf8String TraceLoggingString
#define TraceLoggingXml TraceLoggingString
#define TraceLoggingJson TraceLoggingString
#define TraceLoggingCountedString(value, count, ...) \
    (NTBOX_TLG_AS(const char *, value), (void)(UINT16)(count))
#define TraceLoggingCountedWideString(value, count, ...) \
    (NTBOX_TLG_AS(const WCHAR *, value), (void)(UINT16)(count))
#define TraceLoggingUnicodeString(value, ...) (void)(value)->Buffer
#define TraceLoggingAnsiString(value, ...) (void)(value)->Buffer
#define TraceLoggingBinary(value, size, ...) \
    (NTBOX_TLG_AS(const void *, value), (void)(UINT16)(size))
#define TraceLoggingInt32Array(value, count, ...) \
    (NTBOX_TLG_AS(const INT32 *, value), (void)(UINT16)(count))
#define TraceLoggingUInt32Array(value, count, ...) \
    (NTBOX_TLG_AS(const UINT32 *, value), (void)(UINT16)(count))

#ifdef __cplusplus
}
#endif

#endif
