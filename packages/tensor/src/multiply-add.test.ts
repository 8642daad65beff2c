import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { kernelSetting } from './kernel-setting.js';
import { multiplyAddIsFused } from './multiply-add.js';
import { withKernels } from './op.js';
import { hasRelaxedSimd } from './wasm/features.js';

test('multiply-adds round twice in the definitions, and without relaxed SIMD', () => {
  expect(withKernels('reference', multiplyAddIsFused)).toBe(false);
  if (!hasRelaxedSimd() || kernelSetting().portable) expect(multiplyAddIsFused()).toBe(false);
});

test('multiply-adds round twice when all processes have agreed on it, before any other kernel runs', () => {
  const program = `
    import { mul, ones } from ${JSON.stringify(new URL('./index.js', import.meta.url))};
    import { kernelSetting, multiplyAddIsFused, usePortableKernels } from ${JSON.stringify(new URL('./kernels.js', import.meta.url))};
    multiplyAddIsFused();
    usePortableKernels();
    console.log(multiplyAddIsFused(), kernelSetting().portable);
    mul(ones([4]), 2);
    try {
      usePortableKernels();
    } catch ({ message }) {
      console.log(message);
    }`;
  const env = { ...process.env, MOBINET_KERNELS: '' };
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env });
  expect(stdout).toMatch(/^false true\nusePortableKernels: the kernel \S+ has already run\. Call it first, /);
});

test.runIf(process.versions.v8 && process.arch === 'x64' && hasRelaxedSimd())(
  'multiply-adds round once in V8 where the processor has the instruction',
  async () => {
    const { readFile } = await import('node:fs/promises');
    const flags = await readFile('/proc/cpuinfo', 'utf8').catch(() => null);
    if (flags !== null) expect(withKernels('fast', multiplyAddIsFused)).toBe(/\bfma\b/.test(flags));
  },
);
