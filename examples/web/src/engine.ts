import '@mobinet/bnn/webgpu';
import { type BitTensor, currentBackend, setThreads, type Tensor, threadCount, useBackend } from '@mobinet/tensor';
import { imageFromRgba, type Normalization, type PackedMoBiNet, prepareImages, unpackModel } from 'mobinet';
import type { Answer, CallName, LayerFacts, ModelFacts, Picture, Request, Result, Signs } from './protocol.js';
import { layOut } from './taps.js';

/** What the worker does for each call. */
type Engine = { readonly [K in CallName]: (request: Request<K>) => Result<K> | Promise<Result<K>> };

export const engine: Engine = {
  async load({ bytes, name, device, threads }) {
    const before = currentBackend();
    const { reason } = await useBackend(device);
    try {
      const next = unpackModel(bytes, name);
      await setThreads(threads ?? threadCount());
      // The first run makes the kernels. Nobody should wait for that with a picture in hand.
      await next.predictAsync([{ width: 1, height: 1, pixels: new Uint8Array(3) }]);
      model?.dispose();
      model = next;
    } catch (error) {
      // A file that is refused leaves the model that there is as it was.
      await useBackend(before);
      throw error;
    }
    signs = [];
    return { ...factsOf(model, bytes.length, name), gpu: device === 'webgpu' ? reason : null };
  },

  async classify({ picture, runs }) {
    const network = loaded();
    const image = imageFromRgba(picture);
    let predictions: Answer['predictions'] = [];
    const times = await repeat(runs, async () => {
      [predictions] = await network.predictAsync([image], { top: 5 });
    });

    const x = prepareImages([image], network.preprocessing, network.options.imageSize);
    const layerMilliseconds = await watch(network, x, runs);
    const seen = await pictureOf(x, network.preprocessing.normalization);
    x.dispose();
    return { predictions, milliseconds: average(times), layerMilliseconds, runs: times.length, seen };
  },

  signs: ({ layer }) => signsOf(layer),

  bits(place) {
    const network = loaded();
    // Layer 0 is the stem.
    const segment = network.segments[place.layer - 1];
    return layOut(segment, network.options.padding, signsOf(place.layer - 1), signsOf(place.layer), place);
  },
};

let model: PackedMoBiNet | null = null;
/** What each layer handed on in the last run; null of the classifier. */
let signs: (Signs | null)[] = [];

function loaded(): PackedMoBiNet {
  if (!model) throw new Error('no model is loaded');
  return model;
}

function signsOf(layer: number): Signs {
  const found = signs[layer];
  if (!found) throw new Error('there are no signs yet: classify an image first');
  return found;
}

/** More runs than the first are worth no more than this. */
const patience = 150;

/** Milliseconds of each run, of which there is at least one. */
async function repeat(runs: number, body: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  const begin = performance.now();
  do {
    const start = performance.now();
    await body();
    times.push(performance.now() - start);
  } while (times.length < runs && performance.now() - begin < patience);
  return times;
}

/**
 * The median, which does not mind that the computer did something else for a moment. Clocks of pages that are not isolated go
 * by tenths of a millisecond, longer than most layers take: there, only the mean tells something.
 */
function average(times: readonly number[]): number {
  if (!crossOriginIsolated) return times.reduce((sum, time) => sum + time, 0) / times.length;
  return times.toSorted((a, b) => a - b)[times.length >> 1];
}

/** Runs the network layer by layer, takes the time of each where that can be, and keeps what it hands on. */
async function watch(network: PackedMoBiNet, x: Tensor, runs: number): Promise<number[] | null> {
  const isOnGpu = x.backend === 'webgpu';
  const times: number[][] = [];
  const copies: (Promise<Signs> | null)[] = [];
  await repeat(isOnGpu ? 1 : runs, async () => {
    let layer = 0;
    const logits = network.watch(x, ({ milliseconds, signs: own }) => {
      times[layer] ??= [];
      times[layer].push(milliseconds);
      // The next layer overwrites them: whoever wants them asks for a copy now.
      copies[layer] ??= own && copyOf(own);
      layer++;
    });
    logits.dispose();
  });
  signs = await Promise.all(copies);
  return isOnGpu ? null : times.map(average);
}

async function copyOf(signs: BitTensor): Promise<Signs> {
  const [, size, , channels] = signs.shape;
  return { size, channels, words: await signs.data() };
}

/** An input of the network, [1, size, size, 3], as a picture again. */
async function pictureOf(x: Tensor, { mean, std }: Normalization): Promise<Picture> {
  const [, height, width] = x.shape;
  const values = await x.data();
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let c = 0; c < 3; c++) data[4 * pixel + c] = 255 * (values[3 * pixel + c] * std[c] + mean[c]);
  }
  return { width, height, data };
}

function factsOf({ segments, options, info }: PackedMoBiNet, bytes: number, name: string): Omit<ModelFacts, 'gpu'> {
  const [first] = segments;
  const layers: LayerFacts[] = [
    { name: 'stem', size: first.plan.size, channels: first.plan.inChannels, binary: null, hasSigns: true },
    ...segments.map(({ name, plan, pool, outSize }) => {
      const { kernel, groups, inChannels, outChannels, size } = plan;
      return {
        name,
        size: outSize,
        channels: outChannels,
        binary: { kernel, groups, inChannels, size, pool },
        hasSigns: true,
      };
    }),
    { name: 'classifier', size: 1, channels: options.classes, binary: null, hasSigns: false },
  ];
  return {
    name,
    bytes,
    binaryWeights: segments.reduce((sum, { signs }) => sum + signs.size, 0),
    classes: info.classes ?? Array.from({ length: options.classes }, (_, index) => `class ${index}`),
    threads: threadCount(),
    layers,
  };
}
