/** A parameter in the flat vector. */
export interface Segment {
  /** The name of the parameter. */
  readonly name: string;
  /** Where it begins in the vector. */
  readonly offset: number;
  /** Its number of elements. */
  readonly size: number;
}

/** A range of a parameter that lies within one slice. */
export interface Piece {
  /** The name of the parameter. */
  readonly name: string;
  /** Its first element within the parameter. */
  readonly from: number;
  /** Its number of elements. */
  readonly size: number;
  /** Where it begins in the slices of its rank. */
  readonly place: number;
}

/** Parameters begin at multiples of this many elements, so that their signs begin at whole words. */
const alignment = 32;

/** The number of elements of a bucket: 4 MB, long enough for the full bandwidth of a network, and short enough for caches. */
const usualBucket = 2 ** 20;

/**
 * How all parameters of a network lie behind each other in one vector, and how the ranks divide it: into buckets, each
 * of which consists of one slice for each rank.
 *
 *     vector   [ bucket 0                 | bucket 1                 | …
 *     slices   [ rank 0 | rank 1 | rank 2 | rank 0 | rank 1 | rank 2 | …
 *
 * The sizes of slices do not depend on where parameters begin, so all ranks have the same work.
 */
export class FlatLayout {
  /** The parameters, in the order of the vector. */
  readonly segments: readonly Segment[];
  /** The number of buckets. */
  readonly buckets: number;
  /** The number of elements in a slice, a multiple of 32. */
  readonly slice: number;
  /** The number of ranks. */
  readonly ranks: number;

  /**
   * @param sizes The number of elements of each parameter, by name.
   * @param options.ranks The number of ranks.
   * @param options.bucket The approximate number of elements in a bucket. Default 2²⁰.
   */
  constructor(
    sizes: Iterable<readonly [name: string, size: number]>,
    { ranks, bucket = usualBucket }: { ranks: number; bucket?: number },
  ) {
    const segments: Segment[] = [];
    let end = 0;
    for (const [name, size] of sizes) {
      segments.push({ name, offset: end, size });
      end += alignment * Math.ceil(size / alignment);
    }
    this.segments = segments;
    this.ranks = ranks;
    this.buckets = Math.max(1, Math.round(end / bucket));
    this.slice = alignment * Math.ceil(end / (this.buckets * ranks * alignment));
  }

  /** The layout of the parameters of a network. */
  static of(
    parameters: ReadonlyMap<string, { readonly size: number }>,
    options: { ranks: number; bucket?: number },
  ): FlatLayout {
    return new FlatLayout(
      Array.from(parameters, ([name, { size }]) => [name, size] as const),
      options,
    );
  }

  /** The number of elements in a bucket. */
  get bucket(): number {
    return this.ranks * this.slice;
  }

  /** The number of elements in all slices of a rank. */
  get ownLength(): number {
    return this.buckets * this.slice;
  }

  /** The number of elements in the vector, padding included. */
  get length(): number {
    return this.buckets * this.bucket;
  }

  /** The parts of parameters that a rank is responsible for, in the order of its slices. */
  piecesOf(rank: number): Piece[] {
    const pieces: Piece[] = [];
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const begin = bucket * this.bucket + rank * this.slice;
      for (const { name, offset, size } of this.segmentsIn(begin, begin + this.slice)) {
        const from = Math.max(begin, offset);
        const to = Math.min(begin + this.slice, offset + size);
        const place = bucket * this.slice + from - begin;
        pieces.push({ name, from: from - offset, size: to - from, place });
      }
    }
    return pieces;
  }

  /** The parameters that have elements in the range [from, to) of the vector. */
  segmentsIn(from: number, to: number): Segment[] {
    return this.segments.filter(({ offset, size }) => offset < to && offset + size > from);
  }
}
