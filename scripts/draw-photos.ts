/**
 * Draws a folder of photos to train on, one folder per class: a test set for training on little data.
 *
 *     npm run photos -- --out photos
 *     npm run photos -- --out photos --set twenty --seed 2
 *
 * Nothing in them is taken from elsewhere, so they may be used freely. A seed gives the same pixels in every run. Photos
 * are saved as JPEG, as a camera does; the bytes of the files depend on the version of sharp, which encodes them.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isInRange, Rng, wholeNumbers } from '@mobinet/tensor';
import { saveFile } from 'mobinet';
import { parseFlags, stop } from './lib/flags.js';
import { drawPhoto } from './lib/photo.js';
import { type PhotoClass, type PhotoSet, photoSets } from './lib/photo-sets.js';
import { shapes } from './lib/shapes.js';
import { textures } from './lib/textures.js';

const help = `Usage: npm run photos -- --out <folder> [options]

Draws photos of shapes in front of cluttered backgrounds, to train on and to test with.

  --out <folder>     where to write them, as <folder>/<class>/000.jpg, …
  --set <name>       five: 5 classes of 200 photos (default); twenty: 20 classes of 100 photos
  --images <number>  draw only this many photos of each class
  --seed <number>    draw other photos (default: 1)
  --help             print this`;

const flags = parseFlags({
  out: { type: 'string' },
  set: { type: 'string', default: 'five' },
  images: { type: 'string' },
  seed: { type: 'string', default: '1' },
  help: { type: 'boolean' },
});
if (flags.help) {
  console.log(help);
  process.exit(0);
}
const out = flags.out || stop('no folder was given. Use --out FOLDER');
if (!Object.hasOwn(photoSets, flags.set))
  stop(`--set must be one of ${Object.keys(photoSets).join(', ')}, not ${flags.set}`);
const set: PhotoSet = photoSets[flags.set as keyof typeof photoSets];
const seed = wholeNumberOf('--seed', flags.seed, 0);
const perClass = flags.images === undefined ? set.perClass : wholeNumberOf('--images', flags.images, 1);

const { default: sharp } = await import('sharp').catch(() =>
  stop('photos are encoded by sharp, which is not installed. Install it with npm install --include=optional'),
);

const nameOf = (index: number): string => `${String(index).padStart(3, '0')}.jpg`;
refuseOtherFiles(out);
try {
  for (const each of set.classes) await drawClass(each);
} catch (error) {
  stop((error as Error).message);
}
console.log(`${out} contains ${perClass * set.classes.length} photos of ${set.classes.length} classes.`);

/** Draws and saves the photos of a class. */
async function drawClass({ name, shape, texture }: PhotoClass): Promise<void> {
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  for (let index = 0; index < perClass; index++) {
    const rng = Rng.fromSeed(seed).split(name, index);
    const { width, height, pixels } = drawPhoto(rng, { shape: shapes[shape], texture: textures[texture] });
    const jpeg = sharp(pixels, { raw: { width, height, channels: 3 } }).jpeg({ quality: 90 });
    await saveFile(join(folder, nameOf(index)), await jpeg.toBuffer());
  }
  console.error(`${name}: ${perClass} photos`);
}

/** Ends the program if the folder has files other than photos of this set, which would become part of it. */
function refuseOtherFiles(folder: string): void {
  const own = new Set(set.classes.flatMap(({ name }) => [name, ...photosOf(name)]));
  const found = filesIn(folder).find((path) => !own.has(path));
  if (found !== undefined) {
    stop(`${folder} already contains ${found}, which is not one of these photos. Choose another folder with --out`);
  }
}

/** The paths of a class's photos in the set. */
function photosOf(name: string): string[] {
  return Array.from({ length: perClass }, (_, index) => join(name, nameOf(index)));
}

/** All that is in a folder, except hidden files, which are never read as images; nothing if it does not exist. */
function filesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return names.filter((path) => !/(^|[\\/])\./.test(path)).sort();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') stop(`${folder} is not a folder. Choose another one with --out`);
    return stop(`cannot read ${folder}: ${message}`);
  }
}

function wholeNumberOf(flag: string, text: string, least: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!isInRange(value, wholeNumbers(least))) {
    stop(`${flag} must be a whole number of at least ${least}, not ${text}`);
  }
  return value;
}
