import { dispose, FormatError, memory, Rng, zeros } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { imageNetNormalization } from '../data/augment.js';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import { decodeCheckpoint, encodeCheckpoint } from '../training/checkpoint.js';
import { mobinetOf } from '../training/fixtures.test.helper.js';
import { paperTraining } from '../training/options.js';
import { newRun, startOfEpoch } from '../training/run.js';
import { decodeChecked, encodeChecked, packedFormat } from './checked-file.js';
import { packModel } from './pack.js';
import { unpackModel } from './packed-model.js';

const tiny = { width: 0.0625, k: 1, imageSize: 32, classes: 3 };
const classes = ['cat', 'dog', 'owl'];

type Mutation = (bytes: Uint8Array, rng: Rng) => Uint8Array;

/** Replaces the bytes from `start` to `end` by others, or removes them. */
function splice(bytes: Uint8Array, start: number, end: number, insert: Uint8Array = new Uint8Array(0)): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, start), ...insert, ...bytes.subarray(end)]);
}

const lengthOf = (rng: Rng): number => 2 ** rng.integer(12);

/** A random offset. Half of them are in the header, where a byte matters most. */
function placeIn(bytes: Uint8Array, rng: Rng): number {
  const header = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return rng.integer(rng.integer(2) === 0 ? Math.min(header, bytes.length) : bytes.length);
}

/** Changes the text of the header without changing its length. */
function editHeader(bytes: Uint8Array, rng: Rng): Uint8Array {
  const edits: [RegExp, string][] = [
    [/\d/g, String(rng.integer(10))],
    [/[a-z]/g, 'abcdefghijklmnopqrstuvwxyz'[rng.integer(26)]],
    [/[",:{}[\]\\]/g, '",:{}[]\\ '[rng.integer(9)]],
    [/checksum/g, 'checksam'],
    [/F32/g, 'I32'],
    [/U32/g, 'F32'],
    [/mean/g, 'maen'],
    [/true|false/g, 'null'],
  ];
  const text = Buffer.from(bytes).toString('latin1');
  const [pattern, replacement] = edits[rng.integer(edits.length)];
  const end = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const matches = [...text.slice(0, end).matchAll(pattern)];
  if (matches.length === 0) return bytes;
  const { index } = matches[rng.integer(matches.length)];
  return Uint8Array.from(
    Buffer.from(text.slice(0, index) + replacement + text.slice(index + replacement.length), 'latin1'),
  );
}

const mutations: Record<string, Mutation> = {
  'a flipped bit': (bytes, rng) => {
    bytes[placeIn(bytes, rng)] ^= 1 << rng.integer(8);
    return bytes;
  },
  'a byte': (bytes, rng) => {
    bytes[placeIn(bytes, rng)] = rng.integer(256);
    return bytes;
  },
  'the end cut off': (bytes, rng) => bytes.subarray(0, placeIn(bytes, rng)),
  'bytes left out': (bytes, rng) => {
    const start = placeIn(bytes, rng);
    return splice(bytes, start, start + lengthOf(rng));
  },
  'bytes twice': (bytes, rng) => {
    const start = placeIn(bytes, rng);
    return splice(bytes, start, start, bytes.subarray(start, start + lengthOf(rng)));
  },
  'bytes in other places': (bytes, rng) => {
    const [from, to] = [placeIn(bytes, rng), placeIn(bytes, rng)];
    bytes.copyWithin(to, from, from + lengthOf(rng));
    return bytes;
  },
  'two ranges swapped': (bytes, rng) => {
    const length = Math.min(lengthOf(rng), bytes.length >> 1);
    const [first, second] = [placeIn(bytes, rng), placeIn(bytes, rng)].map((at) => Math.min(at, bytes.length - length));
    const [a, b] = [bytes.slice(first, first + length), bytes.slice(second, second + length)];
    bytes.set(b, first);
    bytes.set(a, second);
    return bytes;
  },
  zeros: (bytes, rng) => {
    const start = placeIn(bytes, rng);
    return bytes.fill(0, start, start + lengthOf(rng));
  },
  noise: (bytes, rng) => {
    const start = placeIn(bytes, rng);
    return bytes.map((byte, at) => (at >= start && at < start + 16 ? rng.integer(256) : byte));
  },
  'more at the end': (bytes, rng) => splice(bytes, bytes.length, bytes.length, new Uint8Array(1 + rng.integer(16))),
  'another header': editHeader,
};

/**
 * Reads `count` mutations of a file. Each must be refused in one line, without leaking memory, or give the same result
 * as the original.
 */
function expectRefusedOrSame(original: Uint8Array, count: number, read: (bytes: Uint8Array) => unknown): void {
  const same = read(original);
  const names = Object.keys(mutations);
  const before = memory();
  let refused = 0;
  for (let index = 0; index < count; index++) {
    const name = names[index % names.length];
    const bytes = mutations[name](original.slice(), Rng.fromSeed(1).split(name, index));
    try {
      expect(read(bytes), `${name}, ${index}`).toEqual(same);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      expect(error.message).toMatch(/^[^\n\p{Cc}]{1,400}$/u);
      refused++;
    }
    expect(memory()).toEqual(before);
  }
  // A few mutations change nothing, such as overwriting a byte with the same value.
  expect(refused).toBeGreaterThan(0.95 * count);
}

/** Changes a random value in JSON: replaces a number or name, or duplicates or drops an entry. */
function editJson(value: unknown, rng: Rng): unknown {
  if (Array.isArray(value) && value.length > 0) {
    const at = rng.integer(value.length);
    const kind = rng.integer(12);
    if (kind === 0) return value.toSpliced(at, 1);
    if (kind === 1) return value.toSpliced(at, 0, value[at]);
    if (kind === 2) return value.with(at, value[rng.integer(value.length)]);
    return value.with(at, editJson(value[at], rng));
  }
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    const keys = Object.keys(value);
    const key = keys[rng.integer(keys.length)];
    const { [key]: part, ...rest } = value as Record<string, unknown>;
    if (rng.integer(10) === 0) return rest;
    return { ...value, [key]: editJson(part, rng) };
  }
  const others = [
    0,
    1,
    2,
    3,
    7,
    32,
    -1,
    0.5,
    1e9,
    2 ** 31,
    null,
    true,
    'same',
    'zero',
    'u8',
    'i32',
    [],
    {},
    'mean',
    'add',
  ];
  return others[rng.integer(others.length)];
}

describe('each of thousands of mutated files is refused in one line or gives the same network', () => {
  test('packed files', () => {
    const model = createMoBiNet({ ...tiny, padding: 'zero', pool: 'max', skip: 'none' });
    const preprocessing = { resize: 36, normalization: imageNetNormalization };
    const bytes = packModel(model, { classes, preprocessing });
    model.dispose();
    const images = Rng.fromSeed(1).normal([1, 32, 32, 3]);
    expectRefusedOrSame(bytes, 2000, (bytes) => {
      const packed = unpackModel(bytes, 'network');
      const logits = packed.forward(images);
      const bits = Buffer.from(logits.values.slice().buffer).toString('hex');
      logits.dispose();
      packed.dispose();
      return { bits, info: packed.info };
    });
    images.dispose();
  });

  test('programs with a valid checksum run or are refused in one line', () => {
    const model = createMoBiNet({ ...tiny, pool: 'max' });
    const { tensors, metadata } = decodeChecked(packModel(model), packedFormat, 'network');
    model.dispose();
    const program: unknown = JSON.parse(metadata.program);
    const before = memory();
    let ran = 0;
    for (let index = 0; index < 1000; index++) {
      const edited = editJson(program, Rng.fromSeed(2).split(index));
      const bytes = encodeChecked(packedFormat, tensors, { program: JSON.stringify(edited) });
      try {
        const packed = unpackModel(bytes, 'network');
        const images = Rng.fromSeed(1).normal([1, ...packed.imageShape]);
        const logits = packed.forward(images);
        expect(logits.shape).toEqual([1, packed.classCount]);
        dispose([images, logits]);
        packed.dispose();
        ran++;
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        expect(error.message).toMatch(/^network: [^\n\p{Cc}]{1,400}$/u);
      }
      expect(memory()).toEqual(before);
    }
    // Some changes, such as another stride, give another valid network.
    expect(ran).toBeGreaterThan(10);
    expect(ran).toBeLessThan(500);
    dispose(tensors);
  });

  test('checkpoints', () => {
    const run = newRun(tiny, paperTraining, { classes, trainImages: 1000 });
    const gradients = { classifier: { weight: zeros([3, 64]), bias: zeros([3]) } };
    gradients.classifier.weight.values.fill(0.25);
    run.optimizer.update({ classifier: mobinetOf(run).classifier }, gradients);
    dispose(gradients);
    run.progress = { ...startOfEpoch(0), batch: 1, lossSum: 1 / 3, images: 256, seconds: 1.25 };
    const bytes = encodeCheckpoint(run);
    expectRefusedOrSame(bytes, 500, (bytes) => {
      const restored = decodeCheckpoint(bytes, 'run');
      const contents = Buffer.from(encodeCheckpoint(restored)).toString('base64');
      restored.model.dispose();
      restored.optimizer.dispose();
      return contents;
    });
    run.model.dispose();
    run.optimizer.dispose();
  });
});
