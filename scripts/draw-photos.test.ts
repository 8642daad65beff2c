import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { decodeImage, type Image, openImageFolder } from 'mobinet';
import { afterAll, describe, expect } from 'vitest';
import { drawPhoto } from './lib/photo.js';
import { type PhotoClass, photoSets } from './lib/photo-sets.js';
import { type Shape, type ShapeName, shapes } from './lib/shapes.js';
import { type TextureName, textures } from './lib/textures.js';

const draw = (name: string, index: number, shape: Shape, texture: TextureName): Image =>
  drawPhoto(Rng.fromSeed(1).split(name, index), { shape, texture: textures[texture] });

const drawOne = ({ name, shape, texture }: PhotoClass, index: number): Image =>
  draw(name, index, shapes[shape], texture);

/** The share of pixels in which two photos of the same size differ. */
function difference(a: Image, b: Image): number {
  expect([a.height, a.width]).toEqual([b.height, b.width]);
  let different = 0;
  for (let at = 0; at < a.pixels.length; at += 3) {
    if ([0, 1, 2].some((channel) => a.pixels[at + channel] !== b.pixels[at + channel])) different++;
  }
  return different / (a.pixels.length / 3);
}

const shapeNames = Object.keys(shapes) as ShapeName[];

describe('shapes', () => {
  // Areas by elementary geometry. A star is ten triangles with sides 1 and 0.4 at an angle of 36°.
  const areas: Record<ShapeName, number> = {
    disc: Math.PI * 0.9 ** 2,
    square: 1.6 ** 2,
    triangle: 3 * Math.sqrt(3) * 0.5 ** 2,
    star: 10 * 0.5 * 0.4 * Math.sin(Math.PI / 5),
    ring: Math.PI * (0.9 ** 2 - 0.5 ** 2),
  };

  test.each(shapeNames)('%s has the area of its definition', (name) => {
    const steps = 403;
    let inside = 0;
    for (let i = 0; i < steps; i++) {
      for (let j = 0; j < steps; j++) {
        if (shapes[name]((3 * (i + 0.5)) / steps - 1.5, (3 * (j + 0.5)) / steps - 1.5) < 0) inside++;
      }
    }
    expect((inside * 9) / steps ** 2 / areas[name]).toBeCloseTo(1, 2);
  });

  const coordinate = fc.double({ min: -2, max: 2, noNaN: true });
  const point = fc.tuple(coordinate, coordinate);
  test.prop([fc.constantFrom(...shapeNames), point, point])(
    'have distances that change by at most the length of the way',
    (name, [x, y], [u, v]) => {
      const change = Math.abs(shapes[name](x, y) - shapes[name](u, v));
      expect(change).toBeLessThanOrEqual(Math.hypot(x - u, y - v) * 1.0001 + 1e-9);
    },
  );
});

describe('photos', () => {
  test('are the same in every run, and differ by seed and index', () => {
    const [disc] = photoSets.five.classes;
    expect(drawOne(disc, 3)).toEqual(drawOne(disc, 3));
    expect(drawOne(disc, 3)).not.toEqual(drawOne(disc, 4));
    // Trainings are compared on these photos, so they must not change.
    const sums = photoSets.five.classes.map((each) => crc32(drawOne(each, 0).pixels));
    expect(sums).toEqual([2795684449, 2008019392, 3989400218, 2758985178, 3821773749]);
  });

  /** A shape without any points. */
  const nothing: Shape = () => 1;

  test.each(shapeNames)('show a %s on 5 to 60 % of their pixels, and its texture on a part of these', (name) => {
    for (let index = 0; index < 3; index++) {
      const plain = draw(name, index, shapes[name], 'plain');
      const share = difference(plain, draw(name, index, nothing, 'plain'));
      expect(share).toBeGreaterThan(0.05);
      expect(share).toBeLessThan(0.6);
      for (const texture of ['stripes', 'checks', 'dots'] as const) {
        const textured = difference(plain, draw(name, index, shapes[name], texture)) / share;
        expect(textured).toBeGreaterThan(0.2);
        expect(textured).toBeLessThan(0.55);
      }
    }
  });

  test('of any two classes differ, even with the same background', () => {
    const { classes } = photoSets.twenty;
    expect(new Set(classes.map(({ name }) => name)).size).toBe(20);
    const photos = classes.map(({ shape, texture }) => draw('same', 0, shapes[shape], texture));
    photos.forEach((a, i) => {
      for (const b of photos.slice(i + 1)) expect(difference(a, b)).toBeGreaterThan(0.01);
    });
    expect(classes).toEqual(expect.arrayContaining([...photoSets.five.classes]));
  });
});

describe('npm run photos', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'photos-'));
  afterAll(() => rmSync(temporary, { recursive: true }));

  /** Runs the program. */
  const run = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [join(import.meta.dirname, 'draw-photos.js'), ...args], (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
      });
    });

  test('writes a folder to train on, again if asked, but not into a folder with other files', async () => {
    const out = join(temporary, 'five');
    const { code, stdout } = await run('--out', out, '--images', '2');
    expect(code).toBe(0);
    expect(stdout).toBe(`${out} contains 10 photos of 5 classes.\n`);
    const { classes, train, val } = openImageFolder(out, { valShare: 0.5 });
    expect(classes).toEqual(photoSets.five.classes.map(({ name }) => name).sort());
    expect([train.length, val.length]).toEqual([5, 5]);

    const [disc] = photoSets.five.classes;
    const file = join(out, disc.name, '001.jpg');
    const bytes = readFileSync(file);
    const decoded = await decodeImage(bytes, { pixelLimit: 1e6 });
    const drawn = drawOne(disc, 1);
    expect([decoded.height, decoded.width]).toEqual([drawn.height, drawn.width]);
    // JPEG changes values by a few steps of 255.
    const changes = decoded.pixels.map((value, i) => Math.abs(value - drawn.pixels[i]));
    expect(changes.reduce((sum, change) => sum + change, 0) / changes.length).toBeLessThan(10);

    expect((await run('--out', out, '--images', '2')).code).toBe(0);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    writeFileSync(join(out, disc.name, 'mine.jpg'), 'a photo');
    const before = readdirSync(out, { recursive: true });
    expect(await run('--out', out, '--images', '3')).toEqual({
      code: 1,
      stdout: '',
      stderr: `${out} already contains ${join(disc.name, 'mine.jpg')}, which is not one of these photos. Choose another folder with --out\n`,
    });
    expect(readdirSync(out, { recursive: true })).toEqual(before);
  });

  test.each([
    [[], 'no folder was given. Use --out FOLDER'],
    [['--out', 'x', '--set', 'six'], '--set must be one of five, twenty, not six'],
    [['--out', 'x', '--seed', '1.5'], '--seed must be a whole number of at least 0, not 1.5'],
    [['--out', import.meta.filename], `${import.meta.filename} is not a folder. Choose another one with --out`],
  ])('refuses %j', async (args, message) => {
    expect(await run(...args)).toEqual({ code: 1, stdout: '', stderr: `${message}\n` });
  });
});
