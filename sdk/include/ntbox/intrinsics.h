/* SPDX-License-Identifier: MIT
 *
 * ntbox/intrinsics.h - what Microsoft's compiler has built in, for gcc and clang on Linux
 *
 * Every intrinsic is a function of ours under a macro of Microsoft's name, because clang has some
 * of those names built in with other types (its 64 bit operations take a long here).
 *
 * Invariants  I1  Interlocked operations are __atomic builtins, sequentially consistent as on x86,
 *                 never assembly: ThreadSanitizer sees them.
 *             I2  What no process can do (port I/O, control and model-specific registers) is
 *                 declared and never defined: a driver that uses it does not load, and the loader
 *                 names it.
 * Source      Microsoft C++ docs, "Compiler intrinsics", x64 list.
 */
#ifndef NTBOX_INTRINSICS_H
#define NTBOX_INTRINSICS_H
#pragma GCC system_header

#ifdef __cplusplus
extern "C" {
#endif

#define NTBOX_INTRINSIC extern __inline__ __attribute__((always_inline, gnu_inline))

/* ---- interlocked operations ---- */

#define _InterlockedAnd8 NtboxInterlockedAnd8
#define _InterlockedOr8 NtboxInterlockedOr8
#define _InterlockedXor8 NtboxInterlockedXor8
#define _InterlockedAdd8 NtboxInterlockedAdd8
#define _InterlockedExchangeAdd8 NtboxInterlockedExchangeAdd8
#define _InterlockedExchange8 NtboxInterlockedExchange8
#define _InterlockedIncrement8 NtboxInterlockedIncrement8
#define _InterlockedDecrement8 NtboxInterlockedDecrement8
#define _InterlockedCompareExchange8 NtboxInterlockedCompareExchange8
#define _InterlockedAnd16 NtboxInterlockedAnd16
#define _InterlockedOr16 NtboxInterlockedOr16
#define _InterlockedXor16 NtboxInterlockedXor16
#define _InterlockedAdd16 NtboxInterlockedAdd16
#define _InterlockedExchangeAdd16 NtboxInterlockedExchangeAdd16
#define _InterlockedExchange16 NtboxInterlockedExchange16
#define _InterlockedIncrement16 NtboxInterlockedIncrement16
#define _InterlockedDecrement16 NtboxInterlockedDecrement16
#define _InterlockedCompareExchange16 NtboxInterlockedCompareExchange16
#define _InterlockedAnd NtboxInterlockedAnd
#define _InterlockedOr NtboxInterlockedOr
#define _InterlockedXor NtboxInterlockedXor
#define _InterlockedAdd NtboxInterlockedAdd
#define _InterlockedExchangeAdd NtboxInterlockedExchangeAdd
#define _InterlockedExchange NtboxInterlockedExchange
#define _InterlockedIncrement NtboxInterlockedIncrement
#define _InterlockedDecrement NtboxInterlockedDecrement
#define _InterlockedCompareExchange NtboxInterlockedCompareExchange
#define _InterlockedAnd64 NtboxInterlockedAnd64
#define _InterlockedOr64 NtboxInterlockedOr64
#define _InterlockedXor64 NtboxInterlockedXor64
#define _InterlockedAdd64 NtboxInterlockedAdd64
#define _InterlockedExchangeAdd64 NtboxInterlockedExchangeAdd64
#define _InterlockedExchange64 NtboxInterlockedExchange64
#define _InterlockedIncrement64 NtboxInterlockedIncrement64
#define _InterlockedDecrement64 NtboxInterlockedDecrement64
#define _InterlockedCompareExchange64 NtboxInterlockedCompareExchange64
#define _InterlockedExchangePointer NtboxInterlockedExchangePointer
#define _InterlockedCompareExchangePointer NtboxInterlockedCompareExchangePointer
#define _InterlockedCompareExchange128 NtboxInterlockedCompareExchange128

/* One operand width. And, Or, Xor, ExchangeAdd, Exchange give the old value, the others the new. */
#define NTBOX_INTERLOCKED_WIDTH(bits, type, unsignedType)                                     \
    NTBOX_INTRINSIC type NtboxInterlockedAnd##bits(type volatile *Target, type Value)         \
    {                                                                                         \
        return __atomic_fetch_and(Target, Value, __ATOMIC_SEQ_CST);                           \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedOr##bits(type volatile *Target, type Value)          \
    {                                                                                         \
        return __atomic_fetch_or(Target, Value, __ATOMIC_SEQ_CST);                            \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedXor##bits(type volatile *Target, type Value)         \
    {                                                                                         \
        return __atomic_fetch_xor(Target, Value, __ATOMIC_SEQ_CST);                           \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedExchangeAdd##bits(type volatile *Target, type Value) \
    {                                                                                         \
        return __atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST);                           \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedExchange##bits(type volatile *Target, type Value)    \
    {                                                                                         \
        return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);                          \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedAdd##bits(type volatile *Target, type Value)         \
    {                                                                                         \
        return (type)((unsignedType)__atomic_fetch_add(Target, Value, __ATOMIC_SEQ_CST) +     \
                      (unsignedType)Value);                                                   \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedIncrement##bits(type volatile *Target)               \
    {                                                                                         \
        return NtboxInterlockedAdd##bits(Target, 1);                                          \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedDecrement##bits(type volatile *Target)               \
    {                                                                                         \
        return NtboxInterlockedAdd##bits(Target, (type)-1);                                   \
    }                                                                                         \
    NTBOX_INTRINSIC type NtboxInterlockedCompareExchange##bits(type volatile *Target,         \
                                                               type Exchange, type Comparand) \
    {                                                                                         \
        __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST,        \
                                    __ATOMIC_SEQ_CST);                                        \
        return Comparand;                                                                     \
    }

NTBOX_INTERLOCKED_WIDTH(8, char, unsigned char)
NTBOX_INTERLOCKED_WIDTH(16, short, unsigned short)
NTBOX_INTERLOCKED_WIDTH(, int, unsigned int)
NTBOX_INTERLOCKED_WIDTH(64, long long, unsigned long long)

NTBOX_INTRINSIC void *
NtboxInterlockedExchangePointer(void *volatile *Target, void *Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

NTBOX_INTRINSIC void *
NtboxInterlockedCompareExchangePointer(void *volatile *Target, void *Exchange, void *Comparand)
{
    __atomic_compare_exchange_n(Target, &Comparand, Exchange, 0, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return Comparand;
}

/* In libntcrt: the only operation that needs a machine with cmpxchg16b. 1 if it was exchanged. */
unsigned char NtcrtInterlockedCompareExchange128(long long volatile *Target, long long High,
                                                 long long Low, long long *Comparand);
#define NtboxInterlockedCompareExchange128 NtcrtInterlockedCompareExchange128

/* One bit of a bit field that starts at Base; gives the old bit. Bit may reach past Base[0]. */
#define NTBOX_BIT_WIDTH(suffix, type, unsignedType, shift)                                         \
    NTBOX_INTRINSIC unsigned char NtboxBitTest##suffix(type const volatile *Base, type Bit)        \
    {                                                                                              \
        return (unsigned char)((unsignedType)Base[Bit >> shift] >> (Bit & ((1 << shift) - 1)) &    \
                               1);                                                                 \
    }                                                                                              \
    NTBOX_INTRINSIC unsigned char NtboxBitTestAndSet##suffix(type volatile *Base, type Bit)        \
    {                                                                                              \
        unsigned char old = NtboxBitTest##suffix(Base, Bit);                                       \
        Base[Bit >> shift] = (type)((unsignedType)Base[Bit >> shift] |                             \
                                    (unsignedType)1 << (Bit & ((1 << shift) - 1)));                \
        return old;                                                                                \
    }                                                                                              \
    NTBOX_INTRINSIC unsigned char NtboxBitTestAndReset##suffix(type volatile *Base, type Bit)      \
    {                                                                                              \
        unsigned char old = NtboxBitTest##suffix(Base, Bit);                                       \
        Base[Bit >> shift] = (type)((unsignedType)Base[Bit >> shift] &                             \
                                    ~((unsignedType)1 << (Bit & ((1 << shift) - 1))));             \
        return old;                                                                                \
    }                                                                                              \
    NTBOX_INTRINSIC unsigned char NtboxBitTestAndComplement##suffix(type volatile *Base, type Bit) \
    {                                                                                              \
        unsigned char old = NtboxBitTest##suffix(Base, Bit);                                       \
        Base[Bit >> shift] = (type)((unsignedType)Base[Bit >> shift] ^                             \
                                    (unsignedType)1 << (Bit & ((1 << shift) - 1)));                \
        return old;                                                                                \
    }                                                                                              \
    NTBOX_INTRINSIC unsigned char NtboxInterlockedBitSet##suffix(type volatile *Base, type Bit)    \
    {                                                                                              \
        unsignedType mask = (unsignedType)1 << (Bit & ((1 << shift) - 1));                         \
        return ((unsignedType)__atomic_fetch_or(&Base[Bit >> shift], (type)mask,                   \
                                                __ATOMIC_SEQ_CST) &                                \
                mask) != 0;                                                                        \
    }                                                                                              \
    NTBOX_INTRINSIC unsigned char NtboxInterlockedBitReset##suffix(type volatile *Base, type Bit)  \
    {                                                                                              \
        unsignedType mask = (unsignedType)1 << (Bit & ((1 << shift) - 1));                         \
        return ((unsignedType)__atomic_fetch_and(&Base[Bit >> shift], (type)~mask,                 \
                                                 __ATOMIC_SEQ_CST) &                               \
                mask) != 0;                                                                        \
    }                                                                                              \
    NTBOX_INTRINSIC unsigned char NtboxInterlockedBitComplement##suffix(type volatile *Base,       \
                                                                        type Bit)                  \
    {                                                                                              \
        unsignedType mask = (unsignedType)1 << (Bit & ((1 << shift) - 1));                         \
        return ((unsignedType)__atomic_fetch_xor(&Base[Bit >> shift], (type)mask,                  \
                                                 __ATOMIC_SEQ_CST) &                               \
                mask) != 0;                                                                        \
    }

NTBOX_BIT_WIDTH(, int, unsigned int, 5)
NTBOX_BIT_WIDTH(64, long long, unsigned long long, 6)

#define _bittest NtboxBitTest
#define _bittestandset NtboxBitTestAndSet
#define _bittestandreset NtboxBitTestAndReset
#define _bittestandcomplement NtboxBitTestAndComplement
#define _bittest64 NtboxBitTest64
#define _bittestandset64 NtboxBitTestAndSet64
#define _bittestandreset64 NtboxBitTestAndReset64
#define _bittestandcomplement64 NtboxBitTestAndComplement64
#define _interlockedbittestandset NtboxInterlockedBitSet
#define _interlockedbittestandreset NtboxInterlockedBitReset
#define _interlockedbittestandcomplement NtboxInterlockedBitComplement
#define _interlockedbittestandset64 NtboxInterlockedBitSet64
#define _interlockedbittestandreset64 NtboxInterlockedBitReset64
#define _interlockedbittestandcomplement64 NtboxInterlockedBitComplement64

/* ---- reads and writes with an order, as winnt.h and wdm.h of Windows have them ---- */

#define NTBOX_ORDERED_WIDTH(bits, type)                                             \
    NTBOX_INTRINSIC type ReadAcquire##bits(type const volatile *Source)             \
    {                                                                               \
        return __atomic_load_n(Source, __ATOMIC_ACQUIRE);                           \
    }                                                                               \
    NTBOX_INTRINSIC type ReadNoFence##bits(type const volatile *Source)             \
    {                                                                               \
        return __atomic_load_n(Source, __ATOMIC_RELAXED);                           \
    }                                                                               \
    NTBOX_INTRINSIC type ReadRaw##bits(type const volatile *Source)                 \
    {                                                                               \
        return __atomic_load_n(Source, __ATOMIC_RELAXED);                           \
    }                                                                               \
    NTBOX_INTRINSIC void WriteRelease##bits(type volatile *Destination, type Value) \
    {                                                                               \
        __atomic_store_n(Destination, Value, __ATOMIC_RELEASE);                     \
    }                                                                               \
    NTBOX_INTRINSIC void WriteNoFence##bits(type volatile *Destination, type Value) \
    {                                                                               \
        __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);                     \
    }                                                                               \
    NTBOX_INTRINSIC void WriteRaw##bits(type volatile *Destination, type Value)     \
    {                                                                               \
        __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);                     \
    }

NTBOX_ORDERED_WIDTH(8, char)
NTBOX_ORDERED_WIDTH(16, short)
NTBOX_ORDERED_WIDTH(, int)
NTBOX_ORDERED_WIDTH(64, long long)
NTBOX_ORDERED_WIDTH(UChar, unsigned char)
NTBOX_ORDERED_WIDTH(UShort, unsigned short)
NTBOX_ORDERED_WIDTH(ULong, unsigned int)
NTBOX_ORDERED_WIDTH(ULong64, unsigned long long)

/* Windows writes the signedness first: ReadULongAcquire. */
#define ReadUCharAcquire ReadAcquireUChar
#define ReadUShortAcquire ReadAcquireUShort
#define ReadULongAcquire ReadAcquireULong
#define ReadULong64Acquire ReadAcquireULong64
#define ReadUCharNoFence ReadNoFenceUChar
#define ReadUShortNoFence ReadNoFenceUShort
#define ReadULongNoFence ReadNoFenceULong
#define ReadULong64NoFence ReadNoFenceULong64
#define ReadULongRaw ReadRawULong
#define ReadULong64Raw ReadRawULong64
#define WriteUCharRelease WriteReleaseUChar
#define WriteUShortRelease WriteReleaseUShort
#define WriteULongRelease WriteReleaseULong
#define WriteULong64Release WriteReleaseULong64
#define WriteUCharNoFence WriteNoFenceUChar
#define WriteUShortNoFence WriteNoFenceUShort
#define WriteULongNoFence WriteNoFenceULong
#define WriteULong64NoFence WriteNoFenceULong64
#define WriteULongRaw WriteRawULong
#define WriteULong64Raw WriteRawULong64

NTBOX_INTRINSIC void *
ReadPointerAcquire(void *const volatile *Source)
{
    return __atomic_load_n(Source, __ATOMIC_ACQUIRE);
}

NTBOX_INTRINSIC void *
ReadPointerNoFence(void *const volatile *Source)
{
    return __atomic_load_n(Source, __ATOMIC_RELAXED);
}

NTBOX_INTRINSIC void
WritePointerRelease(void *volatile *Destination, void *Value)
{
    __atomic_store_n(Destination, Value, __ATOMIC_RELEASE);
}

NTBOX_INTRINSIC void
WritePointerNoFence(void *volatile *Destination, void *Value)
{
    __atomic_store_n(Destination, Value, __ATOMIC_RELAXED);
}

/* ---- barriers ---- */

#undef _ReadWriteBarrier
#define _ReadWriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define _ReadBarrier() __atomic_signal_fence(__ATOMIC_ACQUIRE)
#define _WriteBarrier() __atomic_signal_fence(__ATOMIC_RELEASE)
#define __faststorefence() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* ---- bits, bytes, wide products ---- */

NTBOX_INTRINSIC unsigned char
NtboxBitScanForward64(unsigned int *Index, unsigned long long Mask)
{
    if (Mask == 0) {
        return 0;
    }
    *Index = (unsigned int)__builtin_ctzll(Mask);
    return 1;
}

NTBOX_INTRINSIC unsigned char
NtboxBitScanReverse64(unsigned int *Index, unsigned long long Mask)
{
    if (Mask == 0) {
        return 0;
    }
    *Index = 63u - (unsigned int)__builtin_clzll(Mask);
    return 1;
}

#define _BitScanForward64 NtboxBitScanForward64
#define _BitScanReverse64 NtboxBitScanReverse64
#define _BitScanForward(Index, Mask) NtboxBitScanForward64((Index), (unsigned int)(Mask))
#define _BitScanReverse(Index, Mask) NtboxBitScanReverse64((Index), (unsigned int)(Mask))

#define NTBOX_ROTATE_WIDTH(bits, type, shiftType)                               \
    NTBOX_INTRINSIC type NtboxRotateLeft##bits(type Value, shiftType Shift)     \
    {                                                                           \
        unsigned int shift = (unsigned int)Shift & (bits - 1);                  \
        return (type)(Value << shift | Value >> ((bits - shift) & (bits - 1))); \
    }                                                                           \
    NTBOX_INTRINSIC type NtboxRotateRight##bits(type Value, shiftType Shift)    \
    {                                                                           \
        unsigned int shift = (unsigned int)Shift & (bits - 1);                  \
        return (type)(Value >> shift | Value << ((bits - shift) & (bits - 1))); \
    }

NTBOX_ROTATE_WIDTH(8, unsigned char, unsigned char)
NTBOX_ROTATE_WIDTH(16, unsigned short, unsigned char)
NTBOX_ROTATE_WIDTH(32, unsigned int, int)
NTBOX_ROTATE_WIDTH(64, unsigned long long, int)

#define _rotl8 NtboxRotateLeft8
#define _rotr8 NtboxRotateRight8
#define _rotl16 NtboxRotateLeft16
#define _rotr16 NtboxRotateRight16
#define _rotl NtboxRotateLeft32
#define _rotr NtboxRotateRight32
#define _rotl64 NtboxRotateLeft64
#define _rotr64 NtboxRotateRight64

#define _byteswap_ushort(Value) __builtin_bswap16(Value)
#define _byteswap_ulong(Value) __builtin_bswap32(Value)
#define _byteswap_uint64(Value) ((unsigned long long)__builtin_bswap64(Value))
#define __popcnt16(Value) ((unsigned short)__builtin_popcount((unsigned short)(Value)))
#define __popcnt(Value) ((unsigned int)__builtin_popcount(Value))
#define __popcnt64(Value) ((unsigned long long)__builtin_popcountll(Value))

NTBOX_INTRINSIC long long
NtboxMultiplyHigh(long long Left, long long Right)
{
    return (long long)((__extension__(__int128) Left * Right) >> 64);
}

NTBOX_INTRINSIC unsigned long long
NtboxUnsignedMultiplyHigh(unsigned long long Left, unsigned long long Right)
{
    return (unsigned long long)((__extension__(unsigned __int128) Left * Right) >> 64);
}

NTBOX_INTRINSIC long long
NtboxMultiply128(long long Left, long long Right, long long *High)
{
    *High = NtboxMultiplyHigh(Left, Right);
    return (long long)((unsigned long long)Left * (unsigned long long)Right);
}

NTBOX_INTRINSIC unsigned long long
NtboxUnsignedMultiply128(unsigned long long Left, unsigned long long Right,
                         unsigned long long *High)
{
    *High = NtboxUnsignedMultiplyHigh(Left, Right);
    return Left * Right;
}

NTBOX_INTRINSIC unsigned long long
NtboxShiftLeft128(unsigned long long Low, unsigned long long High, unsigned char Shift)
{
    Shift &= 63;
    return Shift == 0 ? High : High << Shift | Low >> (64 - Shift);
}

NTBOX_INTRINSIC unsigned long long
NtboxShiftRight128(unsigned long long Low, unsigned long long High, unsigned char Shift)
{
    Shift &= 63;
    return Shift == 0 ? Low : Low >> Shift | High << (64 - Shift);
}

#define __mulh NtboxMultiplyHigh
#define __umulh NtboxUnsignedMultiplyHigh
#define _mul128 NtboxMultiply128
#define _umul128 NtboxUnsignedMultiply128
#define __shiftleft128 NtboxShiftLeft128
#define __shiftright128 NtboxShiftRight128
#define __emul(Left, Right) ((long long)(int)(Left) * (int)(Right))
#define __emulu(Left, Right) ((unsigned long long)(unsigned int)(Left) * (unsigned int)(Right))
#define __ll_lshift(Value, Shift) ((unsigned long long)(Value) << ((Shift)&63))
#define __ll_rshift(Value, Shift) ((long long)(Value) >> ((Shift)&63))
#define __ull_rshift(Value, Shift) ((unsigned long long)(Value) >> ((Shift)&63))

/* ---- string instructions ---- */

#define NTBOX_STRING_WIDTH(letter, type)                                                        \
    NTBOX_INTRINSIC void NtboxStore##letter(type *Destination, type Value, size_t Count)        \
    {                                                                                           \
        while (Count-- != 0) {                                                                  \
            *(type volatile *)Destination++ = Value;                                            \
        }                                                                                       \
    }                                                                                           \
    NTBOX_INTRINSIC void NtboxMove##letter(type *Destination, type const *Source, size_t Count) \
    {                                                                                           \
        while (Count-- != 0) {                                                                  \
            *(type volatile *)Destination++ = *Source++;                                        \
        }                                                                                       \
    }

NTBOX_STRING_WIDTH(B, unsigned char)
NTBOX_STRING_WIDTH(W, unsigned short)
NTBOX_STRING_WIDTH(D, unsigned int)
NTBOX_STRING_WIDTH(Q, unsigned long long)

#define __stosb NtboxStoreB
#define __stosw NtboxStoreW
#define __stosd NtboxStoreD
#define __stosq NtboxStoreQ
#define __movsb NtboxMoveB
#define __movsw NtboxMoveW
#define __movsd NtboxMoveD
#define __movsq NtboxMoveQ

/* ---- the processor ---- */

/* Exported by the kernel: the current IRQL, and the processor block behind gs. */
unsigned char KiReadCr8(void);
void KiWriteCr8(unsigned long long Value);
unsigned long long KiReadGsQword(unsigned int Offset);

#define __readcr8 KiReadCr8
#define __writecr8 KiWriteCr8
#define __readgsqword KiReadGsQword
#define __readgsdword(Offset) ((unsigned int)KiReadGsQword(Offset))
#define __readgsword(Offset) ((unsigned short)KiReadGsQword(Offset))
#define __readgsbyte(Offset) ((unsigned char)KiReadGsQword(Offset))

/* In libntcrt. Registers: eax, ebx, ecx, edx. */
void NtcrtCpuid(int *Registers, int Leaf, int Subleaf);

#define __cpuid(Registers, Leaf) NtcrtCpuid((Registers), (Leaf), 0)
#define __cpuidex(Registers, Leaf, Subleaf) NtcrtCpuid((Registers), (Leaf), (Subleaf))

/* I2 */
#define __inbyte NtboxNoPort_inbyte
#define __inword NtboxNoPort_inword
#define __indword NtboxNoPort_indword
#define __inbytestring NtboxNoPort_inbytestring
#define __inwordstring NtboxNoPort_inwordstring
#define __indwordstring NtboxNoPort_indwordstring
#define __outbyte NtboxNoPort_outbyte
#define __outword NtboxNoPort_outword
#define __outdword NtboxNoPort_outdword
#define __outbytestring NtboxNoPort_outbytestring
#define __outwordstring NtboxNoPort_outwordstring
#define __outdwordstring NtboxNoPort_outdwordstring
#define __readmsr NtboxNoRegister_readmsr
#define __writemsr NtboxNoRegister_writemsr
#define __readpmc NtboxNoRegister_readpmc
#define __readdr NtboxNoRegister_readdr
#define __writedr NtboxNoRegister_writedr
#define __readcr0 NtboxNoRegister_readcr0
#define __readcr2 NtboxNoRegister_readcr2
#define __readcr3 NtboxNoRegister_readcr3
#define __readcr4 NtboxNoRegister_readcr4
#define __writecr0 NtboxNoRegister_writecr0
#define __writecr3 NtboxNoRegister_writecr3
#define __writecr4 NtboxNoRegister_writecr4
#define __invlpg NtboxNoRegister_invlpg
#define __wbinvd NtboxNoRegister_wbinvd
#define __halt NtboxNoRegister_halt
#define _disable NtboxNoRegister_disable
#define _enable NtboxNoRegister_enable

unsigned char __inbyte(unsigned short Port);
unsigned short __inword(unsigned short Port);
unsigned int __indword(unsigned short Port);
void __inbytestring(unsigned short Port, unsigned char *Buffer, unsigned int Count);
void __inwordstring(unsigned short Port, unsigned short *Buffer, unsigned int Count);
void __indwordstring(unsigned short Port, unsigned int *Buffer, unsigned int Count);
void __outbyte(unsigned short Port, unsigned char Data);
void __outword(unsigned short Port, unsigned short Data);
void __outdword(unsigned short Port, unsigned int Data);
void __outbytestring(unsigned short Port, unsigned char *Buffer, unsigned int Count);
void __outwordstring(unsigned short Port, unsigned short *Buffer, unsigned int Count);
void __outdwordstring(unsigned short Port, unsigned int *Buffer, unsigned int Count);
unsigned long long __readmsr(unsigned int Register);
void __writemsr(unsigned int Register, unsigned long long Value);
unsigned long long __readpmc(unsigned int Counter);
unsigned long long __readdr(unsigned int Register);
void __writedr(unsigned int Register, unsigned long long Value);
unsigned long long __readcr0(void);
unsigned long long __readcr2(void);
unsigned long long __readcr3(void);
unsigned long long __readcr4(void);
void __writecr0(unsigned long long Value);
void __writecr3(unsigned long long Value);
void __writecr4(unsigned long long Value);
void __invlpg(void *Address);
void __wbinvd(void);
void __halt(void);
void _disable(void);
void _enable(void);

#define _ReturnAddress() __builtin_return_address(0)
#define _AddressOfReturnAddress() ((void *)((char *)__builtin_frame_address(0) + 8))
#define _alloca __builtin_alloca

#ifdef __cplusplus
}
#endif

#endif
