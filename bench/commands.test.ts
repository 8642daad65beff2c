import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Runs a program of this folder. */
function run(program: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, `${program}.js`), ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('wat', () => {
  test('prints a kernel as text, for the requested sizes', async () => {
    const { code, stdout } = await run('wat', 'bits_gemm', '--k', '256');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\(module\n/);
    expect(stdout).toContain('(func $bits_gemm_w8_i32_2x8__popcnt64 (export "run")');
    // A row of a is four 64-bit words.
    expect(stdout).toContain('(local $a0_3 i64)');
    expect(stdout).not.toContain('(local $a0_4 i64)');
  });

  test('lists the kernels of a training step', async () => {
    const { stdout } = await run('wat');
    for (const name of ['bits_gemm_w8_i32', 'f32_gemm_4x8', 'f32_adam', 'scale_prelu_batch_norm'])
      expect(stdout).toContain(name);
  });
});

describe('bench', () => {
  test('compares, and prints one JSON object', async () => {
    const { code, stdout } = await run('main', '--filter', 'matrix product 49', '--json');
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout);
    expect(results.map(({ benchmark }: { benchmark: string }) => benchmark)).toEqual(['49×1024×1024']);
    expect(results[0].milliseconds.bits).toBeGreaterThan(0);
    expect(results[0].ratios.map(({ name }: { name: string }) => name)).toContain('vs floats');
  });

  test('compares passes over memory with a copy', async () => {
    const { code, stdout } = await run('main', '--filter', 'bandwidth dropout 0.5, 256', '--json');
    expect(code).toBe(0);
    const [{ gigabytesPerSecond, minima }] = JSON.parse(stdout).results;
    expect(gigabytesPerSecond.op).toBeCloseTo((2 * 2 ** 18) / minima.op / 1e6, 6);
    expect(gigabytesPerSecond.copy).toBeGreaterThan(0);
  });
});

// vitest.config.ts finds a driver, or a software adapter.
describe.skipIf(!process.env.VK_ICD_FILENAMES)('bench on a GPU', () => {
  test('times work and its kernels, and prints one JSON object', async () => {
    const flags = ['--matrix', '64', '--filter', 'bit matrix', '--kernels', '--json'];
    const { code, stdout } = await run('main', '--device', 'webgpu', ...flags);
    expect(code).toBe(0);
    const { device, results } = JSON.parse(stdout);
    expect(device).toMatch(/^the GPU: /);
    expect(results[0]).toMatchObject({ name: 'bit matrix product 64³' });
    expect(results[0].teraOperationsPerSecond).toBeGreaterThan(0);
    // Both operands have 64 rows of 2 words, and the result 64² elements of four bytes.
    const bytes = 4 * (2 * 64 * 2 + 64 * 64);
    expect(results[0].kernels[0]).toMatchObject({ kernel: 'bits_gemm_i32_64', runs: 1, bytes });
  });

  test('relates the rate of kernels to that of a copy', async () => {
    const flags = ['--copy-megabytes', '1', '--filter', 'copy', '--kernels'];
    const { code, stdout } = await run('main', '--device', 'webgpu', ...flags);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^copy of 1 MB +[\d.e+]+ +[\d.e+]+ +[\d.e+]+ /m);
    expect(stdout).toMatch(/^copy_limit +1 +[\d.]+ +[\d.]+ +\d+ %$/m);
  });

  test('times networks without PyTorch if it cannot run, and says why', async () => {
    const flags = ['--filter', 'inference', '--image-size', '32', '--inference-batch', '1', '--python', 'no-python'];
    const { code, stdout, stderr } = await run('main', '--device', 'webgpu', ...flags, '--json');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^nothing is compared with PyTorch: spawn no-python ENOENT$/m);
    const { torch, results } = JSON.parse(stdout);
    expect(torch).toBeUndefined();
    expect(results[0].minimum).toBeLessThanOrEqual(results[0].milliseconds);
  });
});

describe('bench:step', () => {
  test('times a training step, and prints one JSON object', async () => {
    const { code, stdout } = await run(
      'step',
      '--size',
      '32',
      '--batch',
      '1',
      '--classes',
      '3',
      '--steps',
      '5',
      '--json',
    );
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ size: 32, batch: 1, classes: 3, steps: 5 });
    expect(result.milliseconds).toBeGreaterThan(0);
    expect(Number.isFinite(result.loss)).toBe(true);
  });
});

test.each([
  ['wat', ['no_such_kernel'], "no kernel's name begins with no_such_kernel"],
  ['wat', ['bits_gemm', '--k', '0'], "option '--k <length>' argument '0' is invalid"],
  ['main', ['--filter', 'nothing of the kind'], 'no benchmark\'s name contains "nothing of the kind"'],
  ['main', ['--device', 'tpu'], "option '--device <name>' argument 'tpu' is invalid"],
  ['step', ['--threads', 'all'], "option '--threads <number>' argument 'all' is invalid"],
])('%s %j fails with an error message of one line', async (program, args, message) => {
  const { code, stdout, stderr } = await run(program, ...args);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toContain(message);
});
