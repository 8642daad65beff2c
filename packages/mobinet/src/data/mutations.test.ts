import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rng } from '@mobinet/tensor';
import sharp from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { decodeImage } from './decode.js';
import { DecodePool } from './decode-pool.js';
import { picture, temporaryFolder } from './fixtures.test.helper.js';
import { resizeShorterSide } from './resize.js';

// Thousands of damaged files of all formats: each gives an image or an error, quickly and in little memory.

const folder = new URL('../../fixtures/', import.meta.url);
const pictures = readdirSync(folder)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => readFileSync(new URL(name, folder)));
const { height, width, pixels } = picture(24, 40);
const avif = await sharp(pixels, { raw: { height, width, channels: 3 } })
  .avif()
  .toBuffer();

/** A file with some bytes changed, removed, duplicated or replaced by those of another file, and perhaps truncated. */
function mutated(originals: readonly Buffer[], rng: Rng): Buffer {
  const any = (): Buffer => originals[rng.integer(originals.length)];
  let bytes = Buffer.from(any());
  for (let changes = 1 + rng.integer(4); changes > 0; changes--) {
    // Half of the changes are made where the headers are.
    const at = rng.integer(rng.float() < 0.5 ? Math.min(bytes.length, 200) : bytes.length);
    const length = rng.integer(20);
    const kind = rng.integer(6);
    if (kind === 0) bytes[at] = rng.integer(256);
    if (kind === 1) bytes[at] ^= 1 << rng.integer(8);
    if (kind === 2) bytes.fill([0, 255][rng.integer(2)], at, Math.min(bytes.length, at + 1 + rng.integer(4)));
    if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    if (kind === 5) bytes = Buffer.concat([bytes.subarray(0, at), any().subarray(at)]);
    if (bytes.length === 0) bytes = Buffer.from(any());
  }
  return rng.float() < 0.1 ? bytes.subarray(0, rng.integer(bytes.length)) : bytes;
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

test('2,000 damaged files each take sharp less than 5 s of CPU time, and less than 500 MB beyond their pixels', async () => {
  const rng = Rng.fromSeed(5);
  const outcomes = { images: 0, errors: 0 };
  for (let i = 0; i < 2000; i++) {
    const bytes = mutated([...pictures, avif], rng);
    const [cpu, peak] = [cpuSeconds(), process.resourceUsage().maxRSS];
    let decoded = 0;
    try {
      const image = await decodeImage(bytes, { pixelLimit: 1e8, side: 64 });
      expect(image.pixels.length).toBe(3 * image.height * image.width);
      decoded = image.pixels.length;
      if (Math.max(image.height, image.width) < 10_000) resizeShorterSide(image, 64);
      outcomes.images++;
    } catch (error) {
      expect((error as Error).message).toMatch(/^[^\n]+$/);
      outcomes.errors++;
    }
    expect(cpuSeconds() - cpu).toBeLessThan(5);
    // maxRSS is the peak of the process, in KiB. Only its growth can be attributed to a file.
    expect(1024 * (process.resourceUsage().maxRSS - peak)).toBeLessThan(500e6 + decoded);
  }
  // Both must be common; otherwise there is too little damage, or too much.
  expect(outcomes.images).toBeGreaterThan(200);
  expect(outcomes.errors).toBeGreaterThan(200);
}, 120_000);

// The threads of the pool inherit the environment.
process.env.MOBINET_DECODER = 'get-pixels';
const pool = new DecodePool({ workers: 1, side: 16, pixelLimit: 1e8, cpuLimit: 5 });
delete process.env.MOBINET_DECODER;
afterAll(() => pool.close());

test('300 damaged files are also handled by get-pixels', async () => {
  const rng = Rng.fromSeed(6);
  const known = pictures.filter((bytes) => [0xff, 0x89, 0x47].includes(bytes[0]));
  const file = join(temporaryFolder(), 'picture');
  for (let i = 0; i < 300; i++) {
    writeFileSync(file, mutated(known, rng));
    const result = await pool.decode(file, file).result;
    expect('problem' in result || result.pixels.length === 3 * result.height * result.width).toBe(true);
  }
}, 120_000);
