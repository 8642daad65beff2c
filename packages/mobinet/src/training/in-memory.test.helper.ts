import { readFile } from 'node:fs/promises';
import { decodeImage } from '../data/decode.js';
import type { ImageDataset, ImageSource } from '../data/source.js';

/**
 * The same images, already decoded. Otherwise the decoding threads of each training would load a decoder, which for a
 * few small images takes longer than training on them.
 */
export async function inMemory(dataset: ImageDataset): Promise<ImageDataset> {
  return { ...dataset, train: await decoded(dataset.train), val: await decoded(dataset.val) };
}

async function decoded(source: ImageSource): Promise<ImageSource> {
  const files = Array.from({ length: source.length }, (_, index) => source.image(index) as string);
  const images = await Promise.all(files.map(async (file) => decodeImage(await readFile(file), { pixelLimit: 1e6 })));
  return {
    length: source.length,
    classes: source.classes!,
    label: (index) => source.label(index),
    name: (index) => source.name!(index),
    image: (index) => images[index],
    fingerprint: () => source.fingerprint!(),
  };
}
