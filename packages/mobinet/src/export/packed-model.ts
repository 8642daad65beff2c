import { Module } from '@mobinet/autograd';
import { countDType, foldLines, foldThresholds } from '@mobinet/bnn';
import {
  add,
  type BitTensor,
  bitTensor,
  dispose,
  keep,
  matmul,
  mean,
  packBits,
  reshape,
  type Tensor,
  tidy,
  unpackBits,
} from '@mobinet/tensor';
import { checkImages } from '../model/mobinet.js';
import type { MoBiNetOptions } from '../model/options.js';
import { planNetwork, type SegmentPlan, weightsPerFilter } from '../model/plan.js';
import { decodePacked, type PackedFile, type PackedTensors } from './packed-file.js';
import { type PackedInfo, segmentPrefix } from './packed-format.js';
import { type PackedLayers, PackedPlan, type PackedSegment } from './packed-plan.js';

/**
 * A network from a packed file: bits, and three numbers a channel. Its logits are those of the trained network in evaluation, bit
 * for bit: both run the same ops on the same numbers.
 */
export class PackedMoBiNet extends Module {
  readonly info: PackedInfo;
  readonly #layers: PackedLayers;
  readonly #classifier: { readonly weight: Tensor; readonly bias: Tensor };
  readonly #tensors: PackedTensors;
  /** Of the last batch size: a caller's batches are of one size, but for the last. */
  #plan: PackedPlan | null = null;

  /** Takes over the tensors of a file. */
  constructor({ info, tensors }: PackedFile) {
    super();
    this.info = info;
    this.#tensors = tensors;
    const at = (name: string): Tensor => tensors.get(name) as Tensor;
    this.#layers = {
      options: info.options,
      stem: { weight: at('stem.weight'), scale: at('stem.scale'), shift: at('stem.shift'), slope: at('stem.slope') },
      segments: packedSegments(info.options, tensors),
    };
    this.#classifier = { weight: at('classifier.weight'), bias: at('classifier.bias') };
    this.eval();
  }

  planForTests() {
    return (this.#plan as unknown as { layers: unknown }).layers;
  }

  get options(): MoBiNetOptions {
    return this.info.options;
  }

  /** Images [batch, imageSize, imageSize, 3] to logits [batch, classes]. */
  override forward(x: Tensor): Tensor {
    const { layers, features } = this.#planFor(x);
    for (const layer of layers) layer.run(x);
    return this.#classify(features);
  }

  /** Like `forward`, layer by layer: how long each takes. */
  timeLayers(x: Tensor): LayerTime[] {
    const { layers, features } = this.#planFor(x);
    const time = (name: string, run: () => void): LayerTime => {
      const start = performance.now();
      run();
      return { name, milliseconds: performance.now() - start };
    };
    return [
      ...layers.map((layer) => time(layer.name, () => layer.run(x))),
      time('classifier', () => this.#classify(features).dispose()),
    ];
  }

  #planFor(x: Tensor): PackedPlan {
    checkImages(x, this.options);
    const batch = x.shape[0];
    if (this.#plan?.batch !== batch) {
      this.#plan?.dispose();
      this.#plan = new PackedPlan(this.#layers, batch);
    }
    return this.#plan;
  }

  #classify(features: Tensor): Tensor {
    const { weight, bias } = this.#classifier;
    return tidy(() => add(matmul(mean(features, { axes: [1, 2] }), weight, { transposeB: true }), bias));
  }

  override dispose(): void {
    this.#plan?.dispose();
    this.#plan = null;
    dispose([this.#tensors, this.#layers.segments]);
  }
}

/** What a layer took in one run. */
export interface LayerTime {
  readonly name: string;
  readonly milliseconds: number;
}

function packedSegments(options: MoBiNetOptions, tensors: PackedTensors): PackedSegment[] {
  const all = planNetwork(options).units.flatMap((unit, index) =>
    unit.segments.map((plan, at) => ({ plan, unit, name: segmentPrefix(index, plan), isLast: !unit.segments[at + 1] })),
  );
  return all.map(({ plan, unit, name, isLast }, at): PackedSegment => {
    const tensorAt = (part: string): Tensor => tensors.get(`${name}.${part}`) as Tensor;
    const slope = tensors.has(`${name}.slope`) ? tensorAt('slope') : null;
    const lines = foldLines({ alpha: tensorAt('alpha'), slope, scale: tensorAt('scale'), shift: tensorAt('shift') });
    const pool = isLast && unit.pool ? options.pool : null;
    const signs = weightsPerFilter(plan);
    const dtype = countDType(signs, { paddingValue: options.padding });
    const isSignOnly = plan.skipRepeats === 0 && pool === null && all[at + 1]?.plan.skipRepeats === 0;
    return keep({
      ...{ name, plan, pool, dtype, lines, outSize: isLast ? unit.outSize : plan.size },
      signs: filterSigns(plan, tensors.get(`${name}.signs`) as Tensor<'u32'>),
      thresholds: isSignOnly ? foldThresholds(lines, dtype, signs) : null,
    });
  });
}

/** From one row of bits a filter, as in the file, to one row a tap, as the convolution reads them. */
function filterSigns(plan: SegmentPlan, { values }: Tensor<'u32'>): BitTensor {
  const { outChannels, kernel, inChannels, groups } = plan;
  return tidy(() => {
    const rows = bitTensor(values, [outChannels, weightsPerFilter(plan)]);
    return packBits(reshape(unpackBits(rows), [outChannels, kernel, kernel, inChannels / groups]));
  });
}

/**
 * Reads a packed file.
 * @param source What errors call the file.
 * @throws FormatError, one line that names the tensor, if it is not what its options promise.
 */
export function loadPacked(bytes: Uint8Array, source?: string): PackedMoBiNet {
  return new PackedMoBiNet(decodePacked(bytes, source));
}
