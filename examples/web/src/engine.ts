import '@mobinet/bnn/webgpu';
import { type BitTensor, currentBackend, setThreads, type Tensor, threadCount, useBackend } from '@mobinet/tensor';
import { imageFromRgba, type Normalization, type PackedModel, prepareImages, unpackModel } from 'mobinet';
import { type InnerLayer, innerLayers } from './layers.js';
import type { Answer, CallName, LayerFacts, ModelFacts, Picture, Request, Result, Signs } from './protocol.js';
import { layOut, stepOf } from './taps.js';

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
      await next.predict([{ width: 1, height: 1, pixels: new Uint8Array(3) }]);
      const { program } = next.programFor({ shape: [1, ...next.imageShape], backend: device });
      loaded?.model.dispose();
      loaded = { model: next, layers: innerLayers(program) };
    } catch (error) {
      // A file that is refused leaves the model that there is as it was.
      await useBackend(before);
      throw error;
    }
    signs = [];
    return { ...factsOf(loaded, bytes.length, name), gpu: device === 'webgpu' ? reason : null };
  },

  async classify({ picture, runs }) {
    const { model } = current();
    const image = imageFromRgba(picture);
    let predictions: Answer['predictions'] = [];
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
    if (!binary) throw new Error('this layer calculates with floats');
    return layOut(binary, { input: signsOf(binary.input), output: signs[place.layer] }, place);
  },
};

interface Loaded {
  readonly model: PackedModel;
  readonly layers: readonly InnerLayer[];
}

let loaded: Loaded | null = null;
/** What each layer handed on in the last run; null where that is no signs. */
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
async function watch(network: PackedModel, x: Tensor, runs: number): Promise<number[] | null> {
  const isOnGpu = x.backend === 'webgpu';
  const times: number[][] = [];
  const copies: (Promise<Signs> | null)[] = [];
  await repeat(isOnGpu ? 1 : runs, async () => {
    const logits = network.watch(x, ({ index, milliseconds, signs: own }) => {
      times[index] ??= [];
      times[index].push(milliseconds);
      // The next layer overwrites them: whoever wants them asks for a copy now.
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

function factsOf({ model, layers }: Loaded, bytes: number, name: string): Omit<ModelFacts, 'gpu'> {
  return {
    name,
    bytes,
    binaryWeights: layers.reduce((sum, { binary }) => sum + (binary?.signs.size ?? 0), 0),
    classes: model.info.classes ?? Array.from({ length: model.classCount }, (_, index) => `class ${index}`),
    threads: threadCount(),
    layers: layers.map(layerFacts),
  };
}

function layerFacts({ name, shape, hasSigns, binary }: InnerLayer): LayerFacts {
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
