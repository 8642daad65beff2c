import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DecodePool, type DecodePoolOptions } from './decode-pool.js';
import { DataError, isOutOfMemory } from './errors.js';
import { encodePng, temporaryFolder, writeFiles } from './fixtures.test.helper.js';
import type { Image } from './source.js';

const settings: DecodePoolOptions = { workers: 1, side: 2, pixelLimit: 10_000, cpuLimit: 60 };
const pool = new DecodePool(settings);
afterAll(() => pool.close());

/** A pool whose workers run `program` for every request. */
function poolOf(program: string, options: Partial<DecodePoolOptions> = {}): DecodePool {
  const folder = temporaryFolder();
  const head = `import { parentPort } from 'node:worker_threads';\n`;
  writeFiles(folder, { 'worker.mjs': `${head}parentPort.on('message', async ({ id, image }) => { ${program} });` });
  const custom = new DecodePool({ ...settings, ...options, workerUrl: pathToFileURL(join(folder, 'worker.mjs')) });
  onTestFinished(() => custom.close());
  return custom;
}

/** Two rows of two pixels. */
const rgb = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];

describe('DecodePool', () => {
  const image: Image = { height: 2, width: 2, pixels: Uint8Array.from(rgb) };

  test('scales images in memory', async () => {
    expect(await pool.decode(image, 'image').result).toEqual(image);
  });

  test.each([
    ['exits', 'process.exit(3)', 'it exited with code 3'],
    ['throws', `throw new Error('out of order')`, 'out of order'],
  ])('a worker that %s fails all pending requests', async (_, program, problem) => {
    const crashing = poolOf(program);
    const [first, second] = [crashing.decode(image, 'first.png'), crashing.decode(image, 'second.png')];
    await expect(first.result).rejects.toThrow(DataError);
    await expect(second.result).rejects.toThrow(`an image decoding thread crashed on first.png: ${problem}`);
    await expect(crashing.decode(image, 'third.png').result).rejects.toThrow(problem);
  });

  test('a worker that cannot start is an error', async () => {
    const absent = new DecodePool({ ...settings, workerUrl: pathToFileURL(join(temporaryFolder(), 'absent.js')) });
    await expect(absent.decode(image, 'first.png').result).rejects.toThrow('Cannot find module');
  });

  /** A worker that announces that it decodes, runs `program`, and then replies. */
  const decoding = (program: string, options: Partial<DecodePoolOptions>): DecodePool =>
    poolOf(
      `parentPort.postMessage({ id, isDecoding: true }); ${program}; parentPort.postMessage({ id, result: 7 });`,
      options,
    );

  test('a decoder that loops forever fails the pool, not only its image', async () => {
    const looping = decoding(`if (image === 'bad') for (;;);`, { cpuLimit: 0.1 });
    const [good, bad, late] = ['good', 'bad', 'late'].map((name) => looping.decode(name, name));
    expect(await good.result).toBe(7);
    await expect(bad.result).rejects.toThrow(DataError);
    await expect(late.result).rejects.toThrow(/^decoding bad took more than 0\.1 s of CPU time, .*Re-save the image/);
    await expect(looping.decode('next', 'next').result).rejects.toThrow('decoding bad');
  });

  test('an error that is not the fault of an image, such as a missing decoder, fails the pool', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'image.png': encodePng(2, 2, rgb) });
    vi.stubEnv('MOBINET_DECODER', 'none');
    onTestFinished(() => void vi.unstubAllEnvs());
    const without = new DecodePool(settings);
    onTestFinished(() => without.close());
    const { result } = without.decode(join(folder, 'image.png'), 'image');
    await expect(result).rejects.toThrow(DataError);
    await expect(result).rejects.toThrow('MOBINET_DECODER must be sharp or get-pixels, not none');
  });

  test('a lack of memory is recognized from the message of V8', () => {
    expect(() => new ArrayBuffer(2 ** 52)).toThrow(expect.toSatisfy(isOutOfMemory));
    expect(isOutOfMemory(new Error('it is a corrupt TIFF (Not enough data)'))).toBe(false);
  });

  test('only CPU time counts, so a program that is suspended or starved loses nothing', async () => {
    const slow = decoding('await new Promise((resolve) => setTimeout(resolve, 1500))', { cpuLimit: 0.25 });
    expect(await slow.decode('image', 'image').result).toBe(7);
  });

  test('CPU time of other threads does not count while a file is being read', async () => {
    const waiting = poolOf(`setTimeout(() => parentPort.postMessage({ id, result: 7 }), 1000);`, { cpuLimit: 0.01 });
    const { result } = waiting.decode('image', 'image');
    const isBusy = setInterval(() => {
      for (const end = Date.now() + 40; Date.now() < end; );
    }, 50);
    onTestFinished(() => clearInterval(isBusy));
    expect(await result).toBe(7);
  });

  test('a reply that waited while this thread was busy is in time', async () => {
    const quick = decoding('', { cpuLimit: 0.01 });
    await quick.decode('warm up', 'warm up').result;
    const { result } = quick.decode('image', 'image');
    for (const end = Date.now() + 500; Date.now() < end; );
    expect(await result).toBe(7);
  });

  test('a canceled request gets a reply without being decoded', async () => {
    // Scaling this keeps the only worker busy for long enough to receive the cancellation of the next request.
    const large: Image = { height: 3000, width: 3000, pixels: new Uint8Array(3000 * 3000 * 3) };
    const first = pool.decode(large, 'large');
    const second = pool.decode('/', 'folder');
    second.cancel();
    expect(await first.result).toMatchObject({ height: 2, width: 2 });
    expect(await second.result).toMatchObject({ problem: 'canceled' });
  });

  test('closing fails pending requests', async () => {
    const closing = new DecodePool(settings);
    const { result } = closing.decode(image, 'image');
    await closing.close();
    await expect(result).rejects.toThrow('closed');
    await expect(closing.decode(image, 'image').result).rejects.toThrow('closed');
  });
});
