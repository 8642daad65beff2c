import { boxMuller } from './box-muller.js';
import { checkNumber, shown, wholeNumbers } from './check.js';
import { checkShape } from './check-shape.js';
import { fromHost } from './create.js';
import { TraceError } from './errors.js';
import { kernelTier } from './op.js';
import { type Distribution, drawBitsByKernel, drawByKernel, wordsPerNumber } from './random.wasm.js';
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';
import { tracer } from './tracer.js';

/**
 * Checks that an argument is a random number generator.
 *
 * @param op The operation, for the message.
 * @param value What was given.
 * @throws TypeError with one line if it is not.
 *
 * @example
 * ```ts
 * import { checkRng } from '@mobinet/tensor';
 *
 * try {
 *   checkRng('dropout', 42);
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → TypeError: dropout: rng must be an Rng, such as Rng.fromSeed(0), not 42
 * ```
 */
export function checkRng(op: string, value: unknown): void {
  if (value instanceof Rng) return;
  throw new TypeError(`${op}: rng must be an Rng, such as Rng.fromSeed(0), not ${shown(value)}`);
}

type Key = readonly [number, number];

/** The complete state of an `Rng`, from which its sequence can be resumed. */
export interface RngState {
  /** The key, two words of 32 bits, which the seed and the labels of `split` determine. */
  readonly key: Key;
  /** The number of words that have been drawn. */
  readonly counter: number;
  /** The number of generators that `spawn` has created. */
  readonly spawned: number;
}

/**
 * A counter-based random number generator: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3", 2011), the generator of JAX. Each number is a pure function of a key and a counter.
 *
 * Each draw advances the counter. `split` derives an independent generator that depends only on the key and a label,
 * not on earlier draws, so results depend neither on who draws first nor on the number of workers. The same label
 * always gives the same generator, whereas `spawn` gives another one each time.
 *
 * @example
 * ```ts
 * import { Rng } from '@mobinet/tensor';
 *
 * const rng = Rng.fromSeed(7);
 * const [a, b] = [rng.split('weights').normal([2]), rng.split('weights').normal([2])]; // one label, one generator
 * console.log(`${a.values[0] === b.values[0]}, ${rng.integer(6) < 6}, ${rng.permutation(4).values.toSorted()}`);
 * // → true, true, 0,1,2,3
 * ```
 */
export class Rng {
  #counter: number;
  #spawned: number;

  private constructor(
    /** Two words of 32 bits, which the seed and the labels of `split` determine. */
    readonly key: Key,
    counter = 0,
    spawned = 0,
  ) {
    this.#counter = counter;
    this.#spawned = spawned;
  }

  /**
   * Returns the generator of a seed.
   *
   * @param seed A safe integer.
   * @throws RangeError if it is not.
   */
  static fromSeed(seed: number): Rng {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number, got ${seed}`);
    return new Rng([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]);
  }

  /** Returns a generator that continues from `state`. */
  static fromState(state: RngState): Rng {
    return new Rng([state.key[0], state.key[1]], state.counter, state.spawned);
  }

  /** A snapshot of the generator, for `fromState`. */
  get state(): RngState {
    return { key: this.key, counter: this.#counter, spawned: this.#spawned };
  }

  /**
   * Returns an independent generator, named by one or more labels: `rng.split('augment', epoch, index)`.
   *
   * @param labels Strings and integers. Earlier draws do not matter.
   * @throws RangeError if there is no label, or a number is not a safe integer.
   */
  split(...labels: readonly (string | number)[]): Rng {
    if (labels.length === 0)
      throw new RangeError('split: needs a label, or it would repeat the numbers of this generator');
    let key = this.key;
    for (const label of labels) {
      // Draws keep the high counter word below 2²¹, so derived keys never coincide with drawn numbers.
      if (typeof label === 'number') {
        if (!Number.isSafeInteger(label)) throw new RangeError(`split: ${label} is not a whole number`);
        key = threefry(key, label >>> 0, 0xffe00000 | (Math.floor(label / 2 ** 32) & 0x1fffff));
      } else {
        if (typeof label !== 'string')
          throw new TypeError(`split: a label must be a string or a number, not ${shown(label)}`);
        for (const char of label) key = threefry(key, char.codePointAt(0)!, 0xffd00000);
        // Marks the end of the label, so that ('a', 'b') differs from ('ab').
        key = threefry(key, label.length, 0xffc00000);
      }
    }
    return new Rng(key);
  }

  /**
   * Returns a new independent generator at each call, like NumPy's `Generator.spawn`. The first is `split(label)`.
   *
   * Layers draw their initial weights from it, so that two layers with the same `rng` start with different ones. Which
   * layer gets which weights depends on the order of their construction.
   */
  spawn(label: string): Rng {
    const earlier = this.#spawned++;
    return earlier === 0 ? this.split(label) : this.split(label, earlier);
  }

  /** Draws 32 random bits, as an unsigned integer. */
  bits(): number {
    const counter = this.#counter++;
    encrypt(this.key[0], this.key[1], counter >>> 0, Math.floor(counter / 2 ** 32));
    return block[0];
  }

  /** Draws a number uniformly from [0, 1), with the 24 bits that an f32 represents exactly. */
  float(): number {
    return (this.bits() >>> 8) / 2 ** 24;
  }

  /**
   * Draws an integer uniformly from [0, bound), where 1 ≤ bound ≤ 2³².
   *
   * @throws RangeError for another bound.
   */
  integer(bound: number): number {
    checkNumber('integer: bound', bound, boundRange);
    return Math.floor((this.bits() / 2 ** 32) * bound);
  }

  /**
   * Draws an f32 tensor from the uniform distribution over [low, high). Default: [0, 1). If low is not 0, rounding to
   * f32 may produce `high` itself.
   *
   * @throws RangeError if a bound is not a finite number; ShapeError for an invalid shape; TraceError in a program.
   */
  uniform(shape: Shape, low = 0, high = 1): Tensor {
    checkNumber('uniform: low', low, anyNumber);
    checkNumber('uniform: high', high, anyNumber);
    refuseInPrograms('uniform');
    return this.#draw('uniform', checkShape('uniform', shape), [low, high - low]);
  }

  /**
   * Draws an f32 tensor from the normal distribution. Default: mean 0, standard deviation 1. Each number takes two
   * uniform ones (the Box–Muller transform).
   *
   * @throws RangeError if the mean is not a finite number, or the standard deviation not one of at least 0;
   *   ShapeError for an invalid shape; TraceError in a program.
   */
  normal(shape: Shape, mean = 0, standardDeviation = 1): Tensor {
    checkNumber('normal: mean', mean, anyNumber);
    checkNumber('normal: standardDeviation', standardDeviation, { from: 0 });
    refuseInPrograms('normal');
    return this.#draw('normal', checkShape('normal', shape), [mean, standardDeviation]);
  }

  /** Draws numbers offset + scale · n, where n is uniform over [0, 1), or standard normal. */
  #draw(distribution: Distribution, shape: Shape, [offset, scale]: readonly [number, number]): Tensor {
    return fromHost('f32', shape, (values) => {
      const stream = { key: this.key, counter: this.#counter };
      const words = values.length * wordsPerNumber[distribution];
      if (this.#usesKernel(values.length, words)) {
        drawByKernel(distribution, stream, values, [offset, scale]);
        this.#counter += words;
      } else if (distribution === 'uniform') {
        for (let i = 0; i < values.length; i++) values[i] = offset + scale * this.float();
      } else {
        for (let i = 0; i < values.length; i++) {
          const { radius, cosine } = boxMuller(this.bits(), this.bits());
          values[i] = offset + scale * radius * cosine;
        }
      }
    });
  }

  /**
   * Draws an i32 tensor of whole numbers from low up to, not including, high, all equally likely: NumPy's
   * `Generator.integers`, and `torch.randint`.
   *
   * @param shape The shape of the tensor.
   * @param low Not optional, unlike in NumPy and PyTorch, where it is 0 by default.
   * @param high The end of the range.
   * @throws RangeError unless −2³¹ ≤ low < high ≤ 2³¹, all whole.
   */
  integers(shape: Shape, low: number, high: number): Tensor<'i32'> {
    checkNumber('integers: low', low, wholeNumbers(-(2 ** 31), 2 ** 31 - 1));
    checkNumber('integers: high', high, wholeNumbers(low + 1, 2 ** 31));
    refuseInPrograms('integers');
    return fromHost('i32', checkShape('integers', shape), (values) => {
      for (let i = 0; i < values.length; i++) values[i] = low + this.#below(high - low);
    });
  }

  /**
   * Draws an integer uniformly from [0, bound), without the small bias of `integer`. The words above the largest
   * multiple of the bound would favor small numbers, so they are replaced. Replacements come from counters that no
   * other draw reaches: whatever is replaced, a number takes one step of the counter.
   */
  #below(bound: number): number {
    const counter = this.#counter;
    let word = this.bits();
    for (let attempt = 1; word >= 2 ** 32 - (2 ** 32 % bound); attempt++) {
      // Draws keep the high word below 2²¹; `split` uses high words from 0xffc00000 on.
      word = threefry(this.key, counter >>> 0, Math.floor(counter / 2 ** 32) + attempt * 2 ** 21)[0] >>> 0;
    }
    return word % bound;
  }

  /**
   * Draws a u8 tensor of ones and zeros: each element is 1 with this probability, rounded up to a multiple of 2⁻²⁴.
   * Useful as a mask for `where`. (`torch.bernoulli` takes a tensor of probabilities, and returns its dtype.)
   *
   * @param shape The shape of the tensor.
   * @param probability From 0 (all zeros) to 1 (all ones).
   * @throws RangeError for any other.
   */
  bernoulli(shape: Shape, probability: number): Tensor<'u8'> {
    checkNumber('bernoulli: probability', probability, { from: 0, to: 1 });
    refuseInPrograms('bernoulli');
    return fromHost('u8', checkShape('bernoulli', shape), (values) => {
      const stream = { key: this.key, counter: this.#counter };
      if (this.#usesKernel(values.length, values.length)) {
        drawBitsByKernel(stream, values, probability);
        this.#counter += values.length;
      } else {
        for (let i = 0; i < values.length; i++) values[i] = this.float() < probability ? 1 : 0;
      }
    });
  }

  /** Whether a kernel draws these numbers: if there are many, and the low word of the counter does not overflow. */
  #usesKernel(numbers: number, words: number): boolean {
    return numbers >= fewestForKernel && kernelTier() === 'fast' && (this.#counter % 2 ** 32) + words <= 2 ** 32;
  }

  /**
   * Returns a random permutation of 0, …, length − 1 (the Fisher–Yates shuffle): i32 [length].
   *
   * @throws ShapeError unless the length is a whole number, 0 or more; TraceError in a program.
   */
  permutation(length: number): Tensor<'i32'> {
    refuseInPrograms('permutation');
    return fromHost('i32', checkShape('permutation', [length]), (values) => {
      for (let i = 0; i < length; i++) {
        const j = this.integer(i + 1);
        values[i] = values[j];
        values[j] = i;
      }
    });
  }
}

/** A draw during tracing would become a constant of the program, the same in every run. */
export function refuseInPrograms(draw: string): void {
  if (tracer()) throw new TraceError(`${draw}: a program cannot draw random numbers. Pass them as an input.`);
}

/** Fewer numbers are drawn before a kernel has been assembled. */
const fewestForKernel = 1024;

/** Bounds of `integer`: 32 random bits distinguish 2³² values. */
const boundRange = wholeNumbers(1, 2 ** 32);

const anyNumber = {};

/** The Threefry-2x32 block cipher: encrypts the counter (low, high) with `key`. */
export function threefry(key: Key, low: number, high: number): [number, number] {
  encrypt(key[0], key[1], low, high);
  return [block[0], block[1]];
}

/** The output of `encrypt`. Returning it instead would allocate an array per draw. */
const block = new Uint32Array(2);

function encrypt(key0: number, key1: number, low: number, high: number): void {
  let a = key0 | 0;
  let b = key1 | 0;
  let c = 0x1bd11bda ^ a ^ b;
  let x = (low + a) | 0;
  let y = (high + b) | 0;
  // Twenty rounds in groups of four, unrolled: the weights of a large network take millions of draws.
  for (let four = 1; four <= 5; four++) {
    if (four % 2 === 1) {
      x = (x + y) | 0;
      y = ((y << 13) | (y >>> 19)) ^ x;
      x = (x + y) | 0;
      y = ((y << 15) | (y >>> 17)) ^ x;
      x = (x + y) | 0;
      y = ((y << 26) | (y >>> 6)) ^ x;
      x = (x + y) | 0;
      y = ((y << 6) | (y >>> 26)) ^ x;
    } else {
      x = (x + y) | 0;
      y = ((y << 17) | (y >>> 15)) ^ x;
      x = (x + y) | 0;
      y = ((y << 29) | (y >>> 3)) ^ x;
      x = (x + y) | 0;
      y = ((y << 16) | (y >>> 16)) ^ x;
      x = (x + y) | 0;
      y = ((y << 24) | (y >>> 8)) ^ x;
    }
    // After each group the next two words of the extended key are added.
    const first = a;
    a = b;
    b = c;
    c = first;
    x = (x + a) | 0;
    y = (y + b + four) | 0;
  }
  block[0] = x;
  block[1] = y;
}
