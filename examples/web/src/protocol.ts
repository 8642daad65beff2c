import type { BackendName } from '@mobinet/tensor';
import type { Prediction } from 'mobinet';

/** What the page may ask of its worker, and what it gets for it. All of it is copied between the two: plain data. */
export interface Calls {
  /** Makes a model ready, and forgets the one before. */
  load(request: ModelRequest): ModelFacts;
  /** Classifies a picture, so many times over to take the time: clocks of browsers are coarse. */
  classify(request: { readonly picture: Picture; readonly runs: number }): Answer;
  /** What a layer made of the last picture. */
  signs(request: { readonly layer: number }): Signs;
  /** One output of a binary layer, as it came about in the last picture. */
  bits(request: Place): OneOutput;
}

export interface ModelRequest {
  readonly bytes: Uint8Array;
  readonly name: string;
  /** Where it is to run. */
  readonly device: BackendName;
  /** On so many threads or, with null, on as many as there may be. */
  readonly threads: number | null;
}

export type CallName = keyof Calls;
export type Request<K extends CallName> = Parameters<Calls[K]>[0];
export type Result<K extends CallName> = ReturnType<Calls[K]>;

/** The first message to the worker: which kernels it is to run. */
export interface Start {
  readonly kernels: Kernels;
}

/** The fast ones, or the definitions they are held to: plain loops that need no SIMD. */
export type Kernels = 'fast' | 'reference';

export interface Question<K extends CallName = CallName> {
  readonly id: number;
  readonly call: K;
  readonly request: Request<K>;
}

export type Reply =
  | { readonly id: number; readonly result: Result<CallName> }
  | { readonly id: number; readonly error: string };

/** Four bytes a pixel, as `ImageData` has them. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

export interface ModelFacts {
  readonly name: string;
  readonly bytes: number;
  readonly binaryWeights: number;
  readonly classes: readonly string[];
  /** The GPU it runs on; null on the processor. */
  readonly gpu: string | null;
  readonly threads: number;
  readonly layers: readonly LayerFacts[];
}

export interface LayerFacts {
  readonly name: string;
  /** Height and width of its output. */
  readonly size: number;
  readonly channels: number;
  /** What is shown of a binary layer; null for layers that compute on floats. */
  readonly binary: BinaryFacts | null;
  /** The last layers hand on floats. */
  readonly hasSigns: boolean;
}

export interface BinaryFacts {
  readonly kernel: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Height and width of what its convolution gives, before a pool. */
  readonly size: number;
  readonly pool: string | null;
  /** How far the windows of the pool are apart; 1 without one. */
  readonly step: number;
}

export interface Answer {
  readonly predictions: readonly Prediction[];
  /** From the pixels to the answer: the average of all runs. */
  readonly milliseconds: number;
  /** The same for each layer; null on a GPU, where all layers are queued before the first one runs. */
  readonly layerMilliseconds: readonly number[] | null;
  readonly runs: number;
  /** What the network was given: scaled and cut. */
  readonly seen: Picture;
}

/** Packed as in a BitTensor: [size, size, channels], bit 1 for −1, the first channel in the lowest bit, rows of whole words. */
export interface Signs {
  readonly size: number;
  readonly channels: number;
  readonly words: Uint32Array;
}

/** A place in what the convolution of a binary layer gives. */
export interface Place {
  readonly layer: number;
  readonly row: number;
  readonly column: number;
  readonly channel: number;
}

export interface OneOutput {
  readonly place: Place;
  readonly taps: readonly Tap[];
  /** How many signs are multiplied. */
  readonly signs: number;
  /** How many of them differ. */
  readonly popcount: number;
  /** signs − 2·popcount: the sum of the products. */
  readonly count: number;
  /** What follows the convolution, as two lines over the counts: one from 0 up, one below. Null where it is no such lines. */
  readonly line: { readonly plus: number; readonly minus: number; readonly shift: number } | null;
  readonly hasSkip: boolean;
  readonly pool: string | null;
  /** The bit that the layer hands on here; null where a pool drops the last row or column, or where it hands on floats. */
  readonly bit: number | null;
}

/** One pixel under the window of a filter. */
export interface Tap {
  /** Position of the input pixel. */
  readonly row: number;
  readonly column: number;
  readonly firstChannel: number;
  /** Beyond the border all signs are +1, or, where a network was made so, nothing at all. */
  readonly place: 'inside' | 'one' | 'nothing';
  /** 0 or 1, channel by channel. */
  readonly input: Uint8Array;
  readonly filter: Uint8Array;
}
