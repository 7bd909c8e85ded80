/* SPDX-License-Identifier: MIT
 *
 * image/good.c - an image that image_test and symbol_test load; line numbers below matter
 */
int HalTestProvided(int Value); /* by the program that loads this */
int HalTestNobodyHasThis(void) __attribute__((weak));

int HalTestConstructorRan;

__attribute__((constructor)) static void
OnLoad(void)
{
    HalTestConstructorRan = 1;
}

__attribute__((noinline)) int
HalTestEntry(int Value)
{
    return HalTestProvided(Value) + 1; /* line 20 */
}

int
HalTestHasOptional(void)
{
    return HalTestNobodyHasThis != 0;
}
