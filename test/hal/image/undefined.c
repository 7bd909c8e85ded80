/* SPDX-License-Identifier: MIT
 *
 * image/undefined.c - an image with two symbols that nothing provides
 */
int HalTestFirstMissing(void);
int HalTestSecondMissing(void);

int
HalTestEntry(void)
{
    return HalTestFirstMissing() + HalTestSecondMissing();
}
