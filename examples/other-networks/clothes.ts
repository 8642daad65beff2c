import { fileURLToPath } from 'node:url';
import { Rng, slice, type Tensor, tidy } from '@mobinet/tensor';
import { ImageLoader, openImageFolder } from 'mobinet';

/** Images of clothes in gray, and the class of each. */
export interface Clothes {
  /** [count, 28, 28, 1], from 0 (black) to 1 (white). */
  readonly images: Tensor;
  /** [count] */
  readonly labels: Tensor<'i32'>;
}

/** Loads the first `limit` of the embedded images of each split. */
export async function loadClothes(limit: number): Promise<{ train: Clothes; val: Clothes }> {
  const folder = fileURLToPath(new URL('../data/fashion-mnist-subset', import.meta.url));
  const dataset = openImageFolder(folder, { limit });
  const load = async (split: 'train' | 'val'): Promise<Clothes> => {
    const source = dataset[split];
    const loader = new ImageLoader(source, {
      batchSize: source.length,
      size: 28,
      resize: 28,
      normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
      rng: Rng.fromSeed(0),
    });
    try {
      for await (const { images, labels } of loader.epoch(0)) {
        // Red, green and blue are equal.
        return { images: tidy(() => slice(images, [0, 0, 0, 0], [source.length, 28, 28, 1])), labels };
      }
      throw new Error('there are no images');
    } finally {
      await loader.close();
    }
  };
  return { train: await load('train'), val: await load('val') };
}
