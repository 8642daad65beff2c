import { type Rng, type Tensor, tensor } from '@mobinet/tensor';

/** Height and width of the images, in pixels. */
export const imageSize = 16;

export const classes = 8;

export interface Batch {
  /** [count, imageSize, imageSize, 3] */
  readonly images: Tensor;
  /** [count] */
  readonly labels: Tensor<'i32'>;
}

/** Draws gray stripes under strong noise. Their direction is the class; where they begin is random. */
export function drawWaves(rng: Rng, count: number): Batch {
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const images = rng.normal([count, imageSize, imageSize, 3]);
  for (const [i, label] of labels.entries()) {
    const angle = (Math.PI * label) / classes;
    const phase = 2 * Math.PI * rng.float();
    const wave = (x: number, y: number): number => Math.sin(phase + 1.2 * (x * Math.cos(angle) + y * Math.sin(angle)));
    const first = i * imageSize ** 2;
    for (let at = 0; at < imageSize ** 2; at++) {
      const gray = wave(at % imageSize, Math.floor(at / imageSize));
      for (let color = 0; color < 3; color++) images.values[3 * (first + at) + color] += gray;
    }
  }
  return { images, labels: tensor(labels, { dtype: 'i32' }) };
}
