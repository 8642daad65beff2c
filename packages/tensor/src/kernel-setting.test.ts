import { describe, expect, test } from 'vitest';
import { parseKernelSetting } from './kernel-setting.js';

describe('MOBINET_KERNELS', () => {
  const fast = { tier: 'fast', portable: false, bitGemm: null };

  test.each([
    ['', fast],
    ['fast', fast],
    ['reference', { ...fast, tier: 'reference' }],
    ['portable', { ...fast, portable: true }],
    ['swizzle', { ...fast, bitGemm: 'swizzle' }],
    ['portable, cnt', { ...fast, portable: true, bitGemm: 'cnt' }],
    ['portable,swizzle', { ...fast, portable: true, bitGemm: 'swizzle' }],
    ['popcnt64,portable', { ...fast, portable: true, bitGemm: 'popcnt64' }],
  ])('%j is understood', (text, setting) => {
    expect(parseKernelSetting(text)).toEqual(setting);
  });

  test.each([
    ['quick', '"quick" is unknown'],
    ['reference,portable', 'the definitions have no variants'],
    ['swizzle,cnt', '"swizzle" and "cnt" exclude each other'],
  ])('%j is refused in one line', (text, problem) => {
    expect(() => parseKernelSetting(text)).toThrow(
      new RangeError(
        `MOBINET_KERNELS=${text}: ${problem}. It is "reference", or any of "portable" and one of "popcnt64", ` +
          '"swizzle", "cnt", separated by a comma.',
      ),
    );
  });
});
