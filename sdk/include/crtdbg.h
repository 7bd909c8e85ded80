/* SPDX-License-Identifier: MIT
 *
 * crtdbg.h - Microsoft's debug heap, which is not here: its checks always pass
 *
 * Differs  the heap is the host's; AddressSanitizer does this work.
 */
#ifndef NTBOX_CRTDBG_H
#define NTBOX_CRTDBG_H

#include <assert.h>

#define _ASSERT(Condition) assert(Condition)
#define _ASSERTE(Condition) assert(Condition)
#define _CrtSetDbgFlag(Flags) ((void)(Flags), 0)
#define _CrtDumpMemoryLeaks() 0
#define _CrtCheckMemory() 1
#define _CRTDBG_ALLOC_MEM_DF 0x01
#define _CRTDBG_LEAK_CHECK_DF 0x20

#endif
