import { checkNumber, shown, wholeNumbers } from './check.js';
import { checkShape } from './check-shape.js';
import { fromHost } from './create.js';
import { TraceError } from './errors.js';
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';
import { tracer } from './tracer.js';

/** @throws TypeError, one line, unless `value` is a generator. */
export function checkRng(op: string, value: unknown): void {
  if (value instanceof Rng) return;
  throw new TypeError(`${op}: rng must be an Rng, such as Rng.fromSeed(0), not ${shown(value)}`);
}

type Key = readonly [number, number];

/** Everything an `Rng` is: enough to continue its sequence elsewhere. */
export interface RngState {
  readonly key: Key;
  readonly counter: number;
  /** How many generators `spawn` has made. */
  readonly spawned: number;
}

/**
 * Random numbers as a pure function of (key, counter): Threefry-2x32 with 20 rounds (Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", 2011), the generator of JAX.
 *
 * Each draw advances the counter. `split` makes an independent generator that depends on the key and a
 * label alone, not on what was drawn before: so results do not depend on who draws first, or on how many workers. The same
 * label gives the same generator again; `spawn` gives another one each time.
 */
export class Rng {
  #counter: number;
  #spawned: number;

  private constructor(
    readonly key: Key,
    counter = 0,
    spawned = 0,
  ) {
    this.#counter = counter;
    this.#spawned = spawned;
  }

  /** @param seed A whole number; only its low 53 bits count. */
  static fromSeed(seed: number): Rng {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number, got ${seed}`);
    return new Rng([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]);
  }

  static fromState(state: RngState): Rng {
    return new Rng([state.key[0], state.key[1]], state.counter, state.spawned);
  }

  get state(): RngState {
    return { key: this.key, counter: this.#counter, spawned: this.#spawned };
  }

  /**
   * An independent generator named by one or more labels, for example `rng.split('augment', epoch, index)`.
   * Numbers are whole.
   */
  split(...labels: readonly (string | number)[]): Rng {
    if (labels.length === 0) throw new RangeError('split: needs a label, or it would repeat the same numbers');
    let key = this.key;
    for (const label of labels) {
      // The high counter word is otherwise below 2²¹, so derived keys never meet drawn numbers.
      if (typeof label === 'number') {
        if (!Number.isSafeInteger(label)) throw new RangeError(`split: ${label} is not a whole number`);
        key = threefry(key, label >>> 0, 0xffe00000 | (Math.floor(label / 2 ** 32) & 0x1fffff));
      } else {
        for (const char of label) key = threefry(key, char.codePointAt(0)!, 0xffd00000);
        // The end of the label: ('a', 'b') is not ('ab').
        key = threefry(key, label.length, 0xffc00000);
      }
    }
    return new Rng(key);
  }

  /**
   * Like `split`, but another generator at each call, as NumPy's `spawn`: the first is `split(label)`. Layers draw their weights
   * from it, so that two layers made with one generator do not start equal. Which layer gets which depends on their order.
   */
  spawn(label: string): Rng {
    const earlier = this.#spawned++;
    return earlier === 0 ? this.split(label) : this.split(label, earlier);
  }

  /** 32 random bits, as an unsigned integer. */
  bits(): number {
    const counter = this.#counter++;
    encrypt(this.key[0], this.key[1], counter >>> 0, Math.floor(counter / 2 ** 32));
    return block[0];
  }

  /** A number in [0, 1), with the 24 bits that an f32 holds exactly. */
  float(): number {
    return (this.bits() >>> 8) / 2 ** 24;
  }

  /** A whole number in [0, bound). */
  integer(bound: number): number {
    checkNumber('integer: bound', bound, boundRange);
    return Math.floor((this.bits() / 2 ** 32) * bound);
  }

  /** Numbers spread evenly over [low, high); rounding to f32 may give `high` itself where low ≠ 0. */
  uniform(shape: Shape, low = 0, high = 1): Tensor {
    checkNumber('uniform: low', low, anyNumber);
    checkNumber('uniform: high', high, anyNumber);
    refuseInPrograms('uniform');
    return fromHost('f32', checkShape('uniform', shape), (values) => {
      for (let i = 0; i < values.length; i++) values[i] = low + (high - low) * this.float();
    });
  }

  /** Numbers of the normal distribution, by the Box–Muller transform (each pair of uniforms gives one). */
  normal(shape: Shape, mean = 0, standardDeviation = 1): Tensor {
    checkNumber('normal: mean', mean, anyNumber);
    checkNumber('normal: standardDeviation', standardDeviation, { from: 0 });
    refuseInPrograms('normal');
    return fromHost('f32', checkShape('normal', shape), (values) => {
      for (let i = 0; i < values.length; i++) {
        const radius = Math.sqrt(-2 * Math.log(1 - this.float()));
        values[i] = mean + standardDeviation * radius * Math.cos(2 * Math.PI * this.float());
      }
    });
  }

  /** The numbers 0 … length − 1 in random order (Fisher–Yates). Shape [length]. */
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

/** A program does the same in each run: what is drawn when it is traced would be drawn once and for all. */
function refuseInPrograms(draw: string): void {
  if (tracer()) throw new TraceError(`${draw}: a program draws no random numbers`);
}

/** What 32 bits tell apart. */
const boundRange = wholeNumbers(1, 2 ** 32);

const anyNumber = {};

/** The Threefry-2x32 block cipher: encrypts the counter (low, high) under `key`. */
export function threefry(key: Key, low: number, high: number): [number, number] {
  encrypt(key[0], key[1], low, high);
  return [block[0], block[1]];
}

/** What `encrypt` has made. Not a result: millions of draws would make millions of arrays. */
const block = new Uint32Array(2);

function encrypt(key0: number, key1: number, low: number, high: number): void {
  let a = key0 | 0;
  let b = key1 | 0;
  let c = 0x1bd11bda ^ a ^ b;
  let x = (low + a) | 0;
  let y = (high + b) | 0;
  // Twenty rounds, four at a time, written out: weights of a large network are millions of draws.
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
    // The three words of the key take turns.
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
