import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { hasRelaxedSimd } from './features.js';

test('the fused multiply-add is available: all supported versions of Node have it, with or without a flag', () => {
  expect(hasRelaxedSimd()).toBe(true);
});

test('MOBINET_KERNELS=portable rounds products before adding them', () => {
  // a² is 1 + 2⁻¹¹ + 2⁻²⁴, which rounds to 1 + 2⁻¹¹.
  const index = new URL('../index.js', import.meta.url);
  const program = `
    import { matmul, tensor } from '${index}';
    const a = 1 + 2 ** -12;
    const x = tensor(Float32Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? -1 - 2 ** -11 : a)), { shape: [16, 2] });
    const y = tensor(Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 1 : a)), { shape: [2, 16] });
    console.log(matmul(x, y).values.every((value) => value === 0));`;
  const run = (kernels: string): string => {
    const env = { ...process.env, MOBINET_KERNELS: kernels };
    return execFileSync(process.execPath, ['--input-type=module', '--eval', program], { env, encoding: 'utf8' }).trim();
  };
  expect(run('portable')).toBe('true');
});
