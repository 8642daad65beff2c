import '@mobinet/bnn/webgpu';
import { type BitTensor, currentBackend, setThreads, type Tensor, threadCount, useBackend } from '@mobinet/tensor';
import { imageFromRgba, type Normalization, type PackedModel, prepareImages, type Rgba, unpackModel } from 'mobinet';
import { type InnerLayer, innerLayers } from './layers.js';
import type { CallName, Classification, LayerInfo, ModelInfo, Request, Result, Signs } from './protocol.js';
import { explainOutput, stepOf } from './taps.js';

/** The worker's implementation of each call. */
type Engine = { readonly [K in CallName]: (request: Request<K>) => Result<K> | Promise<Result<K>> };

export const engine: Engine = {
  async load({ bytes, name, device, threads }) {
    const before = currentBackend();
    const { reason } = await useBackend(device);
    try {
      const next = unpackModel(bytes, name);
      await setThreads(threads ?? threadCount());
      // The first run compiles the kernels, so that the first picture need not wait for that.
      await next.predict([{ width: 1, height: 1, pixels: new Uint8Array(3) }]);
      const { program } = next.programFor({ shape: [1, ...next.imageShape], backend: device });
      loaded?.model.dispose();
      loaded = { model: next, layers: innerLayers(program) };
    } catch (error) {
      // If the file is rejected, the current model stays in use.
      await useBackend(before);
      throw error;
    }
    signs = [];
    return { ...modelInfo(loaded, bytes.length, name), gpu: device === 'webgpu' ? reason : null };
  },

  async classify({ picture, runs }) {
    const { model } = current();
    const image = imageFromRgba(picture);
    let predictions: Classification['predictions'] = [];
    const times = await repeat(runs, async () => {
      [predictions] = await model.predict([image], { top: 5 });
    });

    const x = prepareImages([image], model.preprocessing, model.imageShape[0]);
    const layerMilliseconds = await watch(model, x, runs);
    const seen = await pictureOf(x, model.preprocessing.normalization);
    x.dispose();
    return { predictions, milliseconds: average(times), layerMilliseconds, runs: times.length, seen };
  },

  signs: ({ layer }) => signsOf(layer),

  bits(place) {
    const { binary } = current().layers[place.layer];
    if (!binary) throw new Error('this layer computes on floats');
    return explainOutput(binary, { input: signsOf(binary.input), output: signs[place.layer] }, place);
  },
};

interface Loaded {
  readonly model: PackedModel;
  readonly layers: readonly InnerLayer[];
}

let loaded: Loaded | null = null;
/** The output signs of each layer in the last run; null for layers that output floats. */
let signs: (Signs | null)[] = [];

function current(): Loaded {
  if (!loaded) throw new Error('no model is loaded');
  return loaded;
}

function signsOf(layer: number): Signs {
  const found = signs[layer];
  if (!found) throw new Error('there are no signs yet: classify an image first');
  return found;
}

/** No further run starts after this time, in milliseconds. */
const timeLimit = 150;

/** Runs `body` at least once and at most `runs` times. Returns the milliseconds of each run. */
async function repeat(runs: number, body: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  const begin = performance.now();
  do {
    const start = performance.now();
    await body();
    times.push(performance.now() - start);
  } while (times.length < runs && performance.now() - begin < timeLimit);
  return times;
}

/**
 * The median, which ignores short interruptions. In a page that is not cross-origin isolated, the clock only ticks
 * every tenth of a millisecond, which is longer than most layers take, so only the mean is meaningful.
 */
function average(times: readonly number[]): number {
  if (!crossOriginIsolated) return times.reduce((sum, time) => sum + time, 0) / times.length;
  return times.toSorted((a, b) => a - b)[times.length >> 1];
}

/** Runs the network layer by layer and keeps the output signs of each. Returns the layer times; null on a GPU. */
async function watch(network: PackedModel, x: Tensor, runs: number): Promise<number[] | null> {
  const isOnGpu = x.backend === 'webgpu';
  const times: number[][] = [];
  const copies: (Promise<Signs> | null)[] = [];
  await repeat(isOnGpu ? 1 : runs, async () => {
    const logits = network.watch(x, ({ index, milliseconds, signs: own }) => {
      times[index] ??= [];
      times[index].push(milliseconds);
      // The next layer overwrites the signs, so they are copied now.
      copies[index] ??= own && copyOf(own);
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

/** Converts an input of the network, [1, size, size, 3], back to a picture. */
async function pictureOf(x: Tensor, { mean, std }: Normalization): Promise<Rgba> {
  const [, height, width] = x.shape;
  const values = await x.data();
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let c = 0; c < 3; c++) data[4 * pixel + c] = 255 * (values[3 * pixel + c] * std[c] + mean[c]);
  }
  return { width, height, data };
}

function modelInfo({ model, layers }: Loaded, bytes: number, name: string): Omit<ModelInfo, 'gpu'> {
  return {
    name,
    bytes,
    binaryWeights: layers.reduce((sum, { binary }) => sum + (binary?.signs.size ?? 0), 0),
    classes: model.info.classes ?? Array.from({ length: model.classCount }, (_, index) => `class ${index}`),
    threads: threadCount(),
    layers: layers.map(layerInfo),
  };
}

function layerInfo({ name, shape, hasSigns, binary }: InnerLayer): LayerInfo {
  const [size] = shape;
  return {
    name,
    hasSigns,
    size: shape.length > 1 ? size : 1,
    channels: shape[shape.length - 1],
    binary: binary
      ? {
          kernel: binary.window.height.taps,
          groups: binary.groups,
          inChannels: binary.groups * binary.signs.shape[3],
          outChannels: binary.signs.shape[0],
          size: binary.window.height.output,
          pool: binary.pool,
          step: stepOf(binary),
        }
      : null,
  };
}
