import { dispose, Rng } from '@mobinet/tensor';
import { expect, test } from 'vitest';
import { imageNetNormalization } from './augment.js';
import { ImageLoader } from './loader.js';
import { prepareImages } from './prepare.js';
import type { Image } from './source.js';

function randomImage(height: number, width: number): Image {
  const rng = Rng.fromSeed(height * width);
  return { height, width, pixels: Uint8Array.from({ length: 3 * height * width }, () => rng.integer(256)) };
}

test('prepares images like the loader for validation', async () => {
  const images = [randomImage(40, 60), randomImage(70, 33), randomImage(20, 20)];
  const settings = { resize: 37, normalization: imageNetNormalization };
  const prepared = prepareImages(images, settings, 32);
  const source = { length: 3, label: () => 0, name: String, image: (index: number) => images[index] };
  const loader = new ImageLoader(source, { ...settings, batchSize: 3, size: 32, rng: Rng.fromSeed(0) });
  for await (const batch of loader.epoch(0)) {
    expect(batch.images.shape).toEqual(prepared.shape);
    expect(batch.images.values).toEqual(prepared.values);
    dispose(batch);
  }
  await loader.close();
  prepared.dispose();
});
