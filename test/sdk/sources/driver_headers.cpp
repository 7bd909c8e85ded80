/* The same as driver_headers.c, as C++. */
#include "driver_headers.c"

/* The forms of the runtime that take the size from the array, and enumerations as flags. */
enum class Flags : ULONG { None = 0, One = 1, Two = 2 };
DEFINE_ENUM_FLAG_OPERATORS(Flags)

int
UseArrays(const wchar_t *Wide, const char *Narrow)
{
    wchar_t wide[8];
    char narrow[8];
    Flags flags = Flags::One | Flags::Two;

    wcscpy_s(wide, Wide);
    wcscat_s(wide, Wide);
    wcsncpy_s(wide, Wide, _TRUNCATE);
    strcpy_s(narrow, Narrow);
    switch ((ULONG)flags) {
    case CTL_CODE(0x8000, 0x800, METHOD_NEITHER, FILE_ANY_ACCESS):
        return 1;
    default:
        return swprintf_s(wide, L"%d", 1) + sprintf_s(narrow, "%s", Narrow);
    }
}
