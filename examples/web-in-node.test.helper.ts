import { join } from 'node:path';
import { type BitTensor, bitConv2d, bitTensor, dispose, Rng, softmax, type Tensor, tidy } from '@mobinet/tensor';
import { trace } from '@mobinet/tensor/kernels';
import { ImageLoader, mobinet, type PackedModel, planNetwork, type SegmentPlan } from 'mobinet';

// The pictures that the demo's test gives to the page, and what the page should show, computed in Node.

export const fixtures = join(import.meta.dirname, '../packages/mobinet/fixtures');
/** Pictures in many formats, in the folder `fixtures`. */
export const pictures = [
  ['a photo with an EXIF rotation', 'exif-6.jpg'],
  ['a photo with an EXIF rotation and reflection', 'exif-7.jpg'],
  ['a photo with a color profile', 'icc.jpg'],
  ['a JPEG stored as RGB', 'rgb-names.jpg'],
  ['a PNG with an alpha channel', 'rgba.png'],
  ['a PNG with a transparent color', 'rgb-key.png'],
  ['a GIF whose frame is smaller than the image', 'offset.gif'],
  ['a PNG with 16 bits per channel', 'rgb-16.png'],
  ['a transparent WebP', 'transparent.webp'],
] as const;
/**
 * Firefox differs from Node on these: it rounds 16 bits to 8 where Pillow drops the low byte, so that pixels differ by at
 * most one of 255, and takes the first frame of a GIF for the whole image.
 */
export const otherInFirefox = ['rgb-16.png', 'offset.gif'];

/** The output signs of a layer, [height, width, channels], packed. */
interface LayerSigns {
  readonly shape: readonly number[];
  readonly words: Uint32Array;
}

export interface NodeResult {
  readonly probabilities: Float32Array;
  readonly layers: readonly LayerSigns[];
}

/** Classifies image files. Returns the probabilities of the classes and the signs of all layers for each file. */
export async function classifyInNode(model: PackedModel, files: readonly string[]): Promise<Map<string, NodeResult>> {
  const file = (index: number): string => files[index];
  const source = { length: files.length, label: (index: number) => index, name: file, image: file };
  const [size] = model.imageShape;
  const loader = new ImageLoader(source, { ...model.info.preprocessing, batchSize: 1, size, rng: Rng.fromSeed(0) });
  const results = new Map<string, NodeResult>();
  for await (const batch of loader.epoch(0)) {
    const layers: LayerSigns[] = [];
    const logits = model.watch(batch.images, ({ signs }) => {
      if (signs) layers.push({ shape: signs.shape, words: signs.words.slice() });
    });
    const { probabilities } = tidy(() => ({ probabilities: softmax(logits).values.slice() }));
    results.set(file(batch.labels.values[0]), { probabilities, layers });
    dispose([batch, logits]);
  }
  await loader.close();
  return results;
}

/** A binary layer of the page's model, from the plan of the network, with the signs of its filters. */
export interface Segment extends Omit<SegmentPlan, 'name'> {
  readonly name: string;
  readonly signs: BitTensor;
  readonly pool: boolean;
  readonly outSize: number;
}

export function segmentsOf(model: PackedModel): Segment[] {
  const { calls, constants } = trace(
    (x) => model.forward(x as Tensor),
    [{ dtype: 'f32', shape: [1, ...model.imageShape] }],
  );
  const filters = calls.flatMap((call) =>
    call.kind === 'op' && call.op.name === 'bitConv2d' ? [constants.get(call.inputs[1]) as BitTensor] : [],
  );
  const { units } = planNetwork(mobinet.resolve({ width: 0.25, imageSize: 32, classes: 10 }));
  return units
    .flatMap(({ segments, pool, outSize }, unit) =>
      segments.map((plan, index) => {
        const isLast = index === segments.length - 1;
        const name = `units.${unit}.${plan.name}`;
        return { ...plan, name, pool: isLast && pool, outSize: isLast ? outSize : plan.size };
      }),
    )
    .map((segment, index) => ({ ...segment, signs: filters[index] }));
}

/** One count of a segment, computed by the convolution; the number of signs in its sum; and the output bit. */
export function countInNode(
  { kernel, inChannels, outChannels, groups, size, signs, pool }: Segment,
  input: LayerSigns,
  output: LayerSigns,
  [row, column, channel]: readonly [number, number, number],
): { count: number; signs: number; bit: number } {
  const options = { groups, padding: 'same', paddingValue: 'one' } as const;
  const counts = tidy(() => ({
    values: bitConv2d(bitTensor(input.words, input.shape), signs, options).values.slice(),
  }));
  const step = pool ? 2 : 1;
  return {
    count: counts.values[(row * size + column) * outChannels + channel],
    signs: (kernel ** 2 * inChannels) / groups,
    bit: bitOf(output, Math.floor(row / step), Math.floor(column / step), channel),
  };
}

function bitOf({ shape, words }: LayerSigns, row: number, column: number, channel: number): number {
  const [, height, width] = shape;
  const rowWords = words.length / (height * width);
  return (words[(row * width + column) * rowWords + (channel >> 5)] >>> (channel & 31)) & 1;
}

export function onesOf(layer: LayerSigns, channel: number): number {
  const [, height, width] = layer.shape;
  let ones = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) ones += bitOf(layer, row, column, channel);
  }
  return ones;
}
