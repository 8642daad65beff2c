import type { BackendName } from '@mobinet/tensor';
import type { Image, Prediction } from 'mobinet';
import type { Answered } from '../../../packages/mobinet/templates/page/src/worker-link.js';

/** The calls from the page to its worker. Requests and results are copied between the two, so they are plain data. */
export interface Calls {
  /** Loads a model, in place of the previous one. */
  load(request: ModelRequest): ModelInfo;
  /** Classifies an image, up to `runs` times to measure the latency, since the clocks of browsers are coarse. */
  classify(request: { readonly image: Image; readonly runs: number }): Classification;
  /** The output signs of a layer for the last picture. */
  signs(request: { readonly layer: number }): Signs;
  /** How one output of a binary layer was computed for the last picture. */
  bits(request: Place): OneOutput;
}

export interface ModelRequest {
  readonly bytes: Uint8Array;
  readonly name: string;
  /** The device to run on. */
  readonly device: BackendName;
  /** The number of threads; null for as many as are available. */
  readonly threads: number | null;
}

export type CallName = keyof Calls;
export type Request<K extends CallName> = Parameters<Calls[K]>[0];
export type Result<K extends CallName> = ReturnType<Calls[K]>;

/** The first message to the worker, which selects the kernels. */
export interface Start {
  readonly kernels: Kernels;
}

/** The fast kernels, or the definitions that they are tested against: plain loops that need no SIMD. */
export type Kernels = 'fast' | 'reference';

export interface Question<K extends CallName = CallName> {
  readonly id: number;
  readonly call: K;
  readonly request: Request<K>;
}

export type Reply = Answered<Result<CallName>>;

/** An image with four bytes per pixel: red, green, blue and alpha, as in `ImageData`. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

export interface ModelInfo {
  readonly name: string;
  readonly bytes: number;
  readonly binaryWeights: number;
  readonly classes: readonly string[];
  /** The GPU that the model runs on; null on the CPU. */
  readonly gpu: string | null;
  readonly threads: number;
  readonly layers: readonly LayerInfo[];
}

export interface LayerInfo {
  readonly name: string;
  /** Height and width of the output. */
  readonly size: number;
  readonly channels: number;
  /** Null for layers that compute on floats. */
  readonly binary: BinaryLayerInfo | null;
  /** Whether the layer outputs signs. The last layers output floats. */
  readonly hasSigns: boolean;
}

export interface BinaryLayerInfo {
  readonly kernel: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Height and width of the convolution's output, before pooling. */
  readonly size: number;
  readonly pool: string | null;
  /** The stride of the pool; 1 without one. */
  readonly step: number;
}

export interface Classification {
  readonly predictions: readonly Prediction[];
  /** The latency from pixels to predictions, averaged over the runs. */
  readonly milliseconds: number;
  /** The same for each layer; null on a GPU, where all layers are queued before the first one runs. */
  readonly layerMilliseconds: readonly number[] | null;
  readonly runs: number;
  /** The network's input: the picture, scaled and cropped. */
  readonly seen: Picture;
}

/**
 * Signs [size, size, channels], packed as in a BitTensor: bit 1 is −1, the first channel is in the lowest bit, and the
 * channels of each pixel are padded to whole words.
 */
export interface Signs {
  readonly size: number;
  readonly channels: number;
  readonly words: Uint32Array;
}

/** A position in the output of a binary layer's convolution. */
export interface Place {
  readonly layer: number;
  readonly row: number;
  readonly column: number;
  readonly channel: number;
}

export interface OneOutput {
  readonly place: Place;
  readonly taps: readonly Tap[];
  /** The number of products in the sum. */
  readonly signs: number;
  /** The number of products whose signs differ. */
  readonly popcount: number;
  /** signs − 2·popcount: the sum of the products. */
  readonly count: number;
  /**
   * The folded transform of the count: the factors for counts from 0 up and for counts below 0, and the shift. Null if
   * something else follows the convolution.
   */
  readonly folded: { readonly positive: number; readonly negative: number; readonly shift: number } | null;
  readonly hasSkip: boolean;
  readonly pool: string | null;
  /** The output bit; null where a pool drops the last row or column, or if the layer outputs floats. */
  readonly bit: number | null;
}

/** One pixel under the window of a filter. */
export interface Tap {
  /** Position of the input pixel. */
  readonly row: number;
  readonly column: number;
  readonly firstChannel: number;
  /** Outside the image, all signs are +1 or, with padding 'zero', not counted. */
  readonly place: 'inside' | 'one' | 'nothing';
  /** 0 or 1 for each channel. */
  readonly input: Uint8Array;
  readonly filter: Uint8Array;
}
