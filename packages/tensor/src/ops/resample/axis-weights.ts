import { range } from '../../range.js';

/**
 * How each output along an axis is a weighted sum of neighboring inputs:
 *
 *     output[o] = Σₖ weights[start[o] + k] · input[first[o] + k],   k < start[o + 1] − start[o]
 */
export interface AxisWeights {
  readonly inputs: number;
  readonly outputs: number;
  /** The first input that each output reads. */
  readonly first: Int32Array;
  /** Where the weights of each output begin, and behind the last one, where they end. */
  readonly start: Int32Array;
  readonly weights: Float32Array;
}

/** The rows and the columns of a result, as weighted sums of those of an image. */
export interface ImageWeights {
  readonly rows: AxisWeights;
  readonly columns: AxisWeights;
}

/** How positions along the result correspond to positions along the image. */
export interface AxisGeometry {
  readonly inputs: number;
  readonly outputs: number;
  /** The scale that was given, which `outputs` is rounded from, or null if the size was given. */
  readonly scale: number | null;
  readonly alignCorners: boolean;
}

/** A copy of the input before the position: ⌊o / scale⌋. */
export function nearestWeights({ inputs, outputs, scale }: AxisGeometry): AxisWeights {
  // PyTorch takes a doubled axis for a scale of 2, even if the scale is a little larger.
  const exact = scale === null || outputs === 2 * inputs;
  const source = (o: number): number => {
    if (outputs === inputs) return o;
    return Math.min(inputs - 1, Math.floor(exact ? (o * inputs) / outputs : o / scale));
  };
  return collect(
    inputs,
    range(outputs).map((o) => [[source(o), 1]]),
  );
}

/** The two inputs around the position, weighted by how near they are to it. */
export function linearWeights(axis: AxisGeometry): AxisWeights {
  const { inputs, outputs } = axis;
  return collect(
    inputs,
    range(outputs).map((o) => {
      const position = Math.min(Math.max(0, linearPosition(axis, o)), inputs - 1);
      const before = Math.floor(position);
      const fraction = position - before;
      // An input of weight 0 is left out, so its NaN or infinity does not matter.
      return fraction === 0
        ? [[before, 1]]
        : [
            [before, 1 - fraction],
            [before + 1, fraction],
          ];
    }),
  );
}

/** The position of an output along the image. Elements lie at whole numbers. */
function linearPosition({ inputs, outputs, scale, alignCorners }: AxisGeometry, o: number): number {
  if (outputs === inputs) return o;
  if (alignCorners) return outputs === 1 ? 0 : (o * (inputs - 1)) / (outputs - 1);
  // The centers of elements are half an element from their borders, and the outermost borders are aligned.
  return (o + 0.5) * (scale === null ? inputs / outputs : 1 / scale) - 0.5;
}

/** The weights by which each input enters the outputs: the map of gradients. */
export function transposed({ inputs, outputs, first, start, weights }: AxisWeights): AxisWeights {
  const readers = range(inputs).map((): [output: number, weight: number][] => []);
  for (let o = 0; o < outputs; o++) {
    for (let at = start[o]; at < start[o + 1]; at++) readers[first[o] + at - start[o]].push([o, weights[at]]);
  }
  return collect(outputs, readers);
}

/** For each output, its inputs, which follow each other, and their weights. */
function collect(
  inputs: number,
  terms: readonly (readonly (readonly [input: number, weight: number])[])[],
): AxisWeights {
  const start = new Int32Array(terms.length + 1);
  terms.forEach((list, o) => {
    start[o + 1] = start[o] + list.length;
  });
  return {
    inputs,
    outputs: terms.length,
    first: Int32Array.from(terms, ([term]) => term?.[0] ?? 0),
    start,
    weights: Float32Array.from(terms.flatMap((list) => list.map(([, weight]) => weight))),
  };
}
