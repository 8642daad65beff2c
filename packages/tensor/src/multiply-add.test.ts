import { expect, test } from 'vitest';
import { kernelSetting } from './kernel-setting.js';
import { multiplyAddIsFused } from './multiply-add.js';
import { withKernels } from './op.js';
import { hasRelaxedSimd } from './wasm/features.js';

test('multiply-adds round twice in the definitions, and without relaxed SIMD', () => {
  expect(withKernels('reference', multiplyAddIsFused)).toBe(false);
  if (!hasRelaxedSimd() || kernelSetting().portable) expect(multiplyAddIsFused()).toBe(false);
});

test.runIf(process.versions.v8 && process.arch === 'x64' && hasRelaxedSimd())(
  'multiply-adds round once in V8 where the processor has the instruction',
  async () => {
    const { readFile } = await import('node:fs/promises');
    const flags = await readFile('/proc/cpuinfo', 'utf8').catch(() => null);
    if (flags !== null) expect(withKernels('fast', multiplyAddIsFused)).toBe(/\bfma\b/.test(flags));
  },
);
