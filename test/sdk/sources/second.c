/* SPDX-License-Identifier: MIT
 *
 * second.c - a driver's other file with the same headers: what they define must not clash
 */
#include <ntifs.h>
#include <ntstrsafe.h>

NTSTATUS
Second(PWCHAR Target, SIZE_T Size)
{
    swprintf(Target, L"%s", L"old form");
    return RtlStringCbCatW(Target, Size, L"x");
}
