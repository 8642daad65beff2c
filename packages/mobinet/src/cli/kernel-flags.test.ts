import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { contentsOf, copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, type Outcome, tiny } from './cli.test.helper.js';
import { formatChoices, formatKernelTimes, formatProfile } from './kernel-report.js';

const folder = sharedFolder();
const { askAll } = commandLineIn(folder);
const data = copyImages(join(folder, 'images'));
const image = join(data, 'val', readdirSync(join(data, 'val'))[0]);
const [one, two] = [join(folder, 'one'), join(folder, 'two')];
const model = join(one, 'model.mobinet.safetensors');

const train = ['train', '--data', data, ...tiny, '--epochs', '1', '--json'];
const evaluate = ['evaluate', '--data', data, '--model', model, '--workers', '1', '--json'];
const predict = ['predict', '--model', model, join(image, readdirSync(image)[0]), '--json'];

/** Parses the table of a profile: its rows by their first cell, and the lines around it. */
function readProfile({ stderr }: Outcome) {
  const lines = stderr.trimEnd().split('\n');
  const head = lines.findIndex((line) => line.startsWith('operation'));
  const rows = lines.slice(head + 2, -1).map((line) => line.trim().split(/ {2,}/));
  const names = lines[head].trim().split(/ {2,}/);
  return {
    before: lines.slice(0, head),
    names,
    rule: lines[head + 1],
    last: lines.at(-1),
    row: (op: string): Record<string, string> => {
      const cells = rows.find(([name]) => name === op);
      if (!cells) throw new Error(`no row of ${op} in\n${stderr}`);
      return Object.fromEntries(names.map((name, column) => [name, cells[column]]));
    },
  };
}

describe('--threads', () => {
  const cases = [
    [...train, '--threads', '0'],
    [...train, '--threads', 'many'],
    [...evaluate, '--threads', '1.5'],
    [...predict, '--threads', '-2'],
  ];

  test('must be a whole number from 1 to 256, or is refused in one line with exit code 1', async () => {
    const outcomes = await askAll(cases);
    cases.forEach((args, index) => {
      const given = args.at(-1);
      expect(outcomes[index], given).toEqual({
        code: 1,
        stdout: '',
        stderr: `error: option '--threads <number>' argument '${given}' is invalid. It must be a whole number from 1 to 256.\n`,
      });
    });
  });
});

describe('--device', () => {
  const noGpu = commandLineIn(folder, { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' });
  // The driver's loader prints messages of its own.
  const ownLines = ({ stderr }: Outcome): string[] =>
    stderr.split('\n').filter((line) => /^(error|computing)/.test(line));

  test('reports a missing GPU in one line, with exit code 1', async () => {
    const outcomes = await noGpu.askAll(
      [train, evaluate, predict].map((command) => [...command, '--device', 'webgpu']),
    );
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(ownLines(outcome)).toEqual([
        expect.stringMatching(/^error: WebGPU is not available: .+\. Use the CPU\.$/),
      ]);
    }
  });

  test('falls back to the CPU if there is no GPU, and says why if asked for', async () => {
    const [requested, silent] = await noGpu.askAll([
      [...train, '--device', 'auto', '--out', join(folder, 'asked')],
      [...train, '--out', join(folder, 'silent')],
    ]);
    expect(requested.code, requested.stderr).toBe(0);
    expect(ownLines(requested)).toEqual([expect.stringMatching(/^computing on the CPU: .+/)]);
    // Without --device, the CPU is used silently.
    expect(silent.code, silent.stderr).toBe(0);
    expect(ownLines(silent)).toEqual([]);
  });

  test('has three choices', async () => {
    const [{ code, stderr }] = await askAll([[...train, '--device', 'tpu']]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      "error: option '--device <name>' argument 'tpu' is invalid. Allowed choices are cpu, webgpu, auto.\n",
    );
  });
});

describe('--threads and --profile', () => {
  let trained: Outcome[];

  beforeAll(async () => {
    trained = await askAll([
      [...train, '--out', one, '--threads', '1'],
      [...train, '--out', two, '--threads', '2', '--profile'],
    ]);
    for (const { code, stderr } of trained) expect(code, stderr).toBe(0);
  });

  test('change neither the trained network nor stdout', () => {
    const [plain, profiled] = [one, two].map((run) => readFileSync(join(run, 'checkpoint.safetensors')));
    expect(contentsOf(profiled)).toEqual(contentsOf(plain));
    const results = trained.map(({ stdout }) => {
      // File names and rates differ.
      const { out, model, imagesPerSecond, seconds, best, ...result } = JSON.parse(stdout);
      return { ...result, best: best.epoch };
    });
    expect(results[1]).toEqual(results[0]);
    expect(trained[0].stderr).not.toContain('operation');
  });

  test('print the cost of each operation at the end of training', () => {
    const { before, names, rule, last, row } = readProfile(trained[1]);
    expect(before).toContainEqual(expect.stringMatching(/^epoch 1: /));
    expect(names).toEqual(['operation', 'calls', 'ms', '%', 'GMAC/s', 'MB', 'GB/s']);
    expect(rule).toMatch(/^─[─ ]+─$/);
    // 24 images in batches of 8 make 3 steps, with 39 segments each.
    expect(row('adam').calls).toBe('3');
    expect(row('scalePreluBatchNormGradient').calls).toBe(String(3 * 39));
    expect(row('conv2d')['GMAC/s']).toMatch(/^\d+\.\d$/);
    expect(row('adam')['GMAC/s']).toBe('–');
    for (const name of ['ms', '%', 'MB', 'GB/s']) expect(row('scalePreluBatchNorm')[name], name).toMatch(/^\d+\.\d$/);
    const [, inOps, inAll] = /^operations took (\d+\.\d\d) s of (\d+\.\d\d) s$/.exec(last!)!;
    expect(Number(inOps)).toBeGreaterThan(0);
    expect(Number(inOps)).toBeLessThanOrEqual(Number(inAll));
  });

  test.each([
    ['evaluate', evaluate],
    ['predict', predict],
  ])('do the same for %s', async (_, command) => {
    const [plain, profiled] = await askAll([
      [...command, '--threads', '1'],
      [...command, '--threads', '2', '--profile'],
    ]);
    expect({ ...plain, stdout: '' }).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(profiled.code, profiled.stderr).toBe(0);
    expect(profiled.stdout).toBe(plain.stdout);
    expect(
      profiled.stdout
        .trimEnd()
        .split('\n')
        .map((line) => typeof JSON.parse(line)),
    ).toEqual(['object']);
    const { before, row } = readProfile(profiled);
    expect(before).toEqual([]);
    expect(Number(row('bitConv2d').calls) % 39).toBe(0);
  });
});

describe('MOBINET_KERNELS', () => {
  const settings = ['reference', 'portable', 'popcnt64', 'swizzle', 'cnt', 'portable,cnt', 'portable,swizzle'];

  test('chooses kernels, which all give the same results', async () => {
    const asked = ['', ...settings].map((kernels) => commandLineIn(folder, { MOBINET_KERNELS: kernels }).cli(predict));
    const [plain, ...others] = await Promise.all(asked);
    expect(plain.code, plain.stderr).toBe(0);
    for (const [index, { stdout }] of others.entries()) {
      // Products of floats may be rounded differently.
      if (/reference|portable/.test(settings[index])) expect(stdout.slice(0, 20)).toBe(plain.stdout.slice(0, 20));
      else expect(stdout, settings[index]).toBe(plain.stdout);
    }
  });

  test('is shown by --profile', async () => {
    const { cli } = commandLineIn(folder, { MOBINET_KERNELS: 'cnt' });
    const { stderr } = await cli([...predict, '--profile']);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('bits_gemm: cnt (MOBINET_KERNELS)');
  });

  test('is refused in one line if it makes no sense', async () => {
    const { cli } = commandLineIn(folder, { MOBINET_KERNELS: 'portable,fastest' });
    expect(await cli(predict)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error: MOBINET_KERNELS=portable,fastest: "fastest" is unknown\. .+\n$/),
    });
  });
});

describe('formatChoices', () => {
  test('shows what was chosen, and why', () => {
    const reason = 'fastest here: swizzle 16.1 µs, popcnt64 22.6 µs';
    expect(formatChoices([{ family: 'bits_gemm', kernel: 'swizzle', reason }])).toEqual([
      `bits_gemm: swizzle (${reason})`,
    ]);
  });
});

describe('formatKernelTimes', () => {
  test('shows runs, time, share of time and bytes per second', () => {
    const kernels = [
      { kernel: 'f32_gemm', runs: 12, milliseconds: 30, bytes: 6e9 },
      { kernel: 'add_1', runs: 3, milliseconds: 10, bytes: 1e6 },
    ];
    expect(formatKernelTimes(kernels, 50).split('\n')).toEqual([
      'kernel    runs    ms     %   GB/s',
      '────────  ────  ────  ────  ─────',
      'f32_gemm    12  30.0  75.0  200.0',
      'add_1        3  10.0  25.0    0.1',
      'kernels took 0.04 s of 0.05 s',
    ]);
    expect(formatKernelTimes([], 10).split('\n').slice(2)).toEqual(['kernels took 0.00 s of 0.01 s']);
  });
});

describe('formatProfile', () => {
  test('shows calls, time, share of time, multiply-adds and bytes', () => {
    const ops = [
      { op: 'conv2d', calls: 12, milliseconds: 30, bytes: 6e6, multiplyAdds: 9e8, gmacPerSecond: 30 },
      { op: 'relu', calls: 3, milliseconds: 10, bytes: 4e7, multiplyAdds: 0, gmacPerSecond: null },
    ];
    expect(formatProfile(ops, 50).split('\n')).toEqual([
      'operation  calls    ms     %  GMAC/s    MB  GB/s',
      '─────────  ─────  ────  ────  ──────  ────  ────',
      'conv2d        12  30.0  75.0    30.0   6.0   0.2',
      'relu           3  10.0  25.0       –  40.0   4.0',
      'operations took 0.04 s of 0.05 s',
    ]);
  });

  test('formats a profile without operations, or with one that takes no measurable time', () => {
    expect(formatProfile([], 10).split('\n').slice(2)).toEqual(['operations took 0.00 s of 0.01 s']);
    const fleeting = { op: 'add', calls: 1, milliseconds: 0, bytes: 12, multiplyAdds: 4, gmacPerSecond: Infinity };
    expect(formatProfile([fleeting], 1)).toMatch(/^add +1 +0\.0 +– +– +0\.0 +–$/m);
  });
});
