import {
  decodeSafetensors,
  dispose,
  encodeSafetensors,
  FormatError,
  memory,
  type Safetensors,
  type Tensor,
  tensor,
} from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import { packModel } from './pack.js';
import { unpackModel } from './packed-model.js';

describe('unpackModel refuses, in one line,', () => {
  type Parts = Safetensors;

  let whole: Uint8Array;

  beforeAll(() => {
    const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 3, k: 1 });
    whole = packModel(model, { classes: ['a', 'b', 'c'] });
    model.dispose();
  });

  /** A packed file with something changed. */
  function corrupted(change: (parts: Parts) => void): Uint8Array {
    const parts = decodeSafetensors(whole);
    const before = [...parts.tensors.values()];
    // Without a checksum, the changes get past that first check.
    delete parts.metadata.checksum;
    change(parts);
    const bytes = encodeSafetensors(parts.tensors, parts.metadata);
    dispose([before, parts.tensors]);
    return bytes;
  }

  function expectRefused(bytes: Uint8Array, message: string | RegExp): void {
    const before = memory();
    let error: unknown;
    try {
      unpackModel(bytes, 'cat.safetensors');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FormatError);
    const text = (error as Error).message;
    expect(text).toMatch(message);
    expect(text).toMatch(/^cat\.safetensors: .+$/);
    expect(text).not.toMatch(/\n/);
    expect(memory()).toEqual(before);
  }

  const ones = (shape: number[]): Tensor =>
    tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), { shape });
  const metadata = (key: string, value: string) => (parts: Parts) => {
    parts.metadata[key] = value;
  };
  const program =
    (change: (program: { images: number[]; nodes: unknown[][]; signs: object }) => void) => (parts: Parts) => {
      const own = JSON.parse(parts.metadata.program);
      change(own);
      parts.metadata.program = JSON.stringify(own);
    };
  /** Changes node `at` of the program, counted from 1. */
  const node = (at: number, change: (node: [string, (number | string)[], Record<string, unknown>]) => void) =>
    program(({ nodes }) => change(nodes[at - 1] as never));

  const cases: [what: string, change: (parts: Parts) => void, message: string | RegExp][] = [
    ['another format', metadata('format', 'pt'), 'not a packed model: a safetensors file without'],
    ['an old version', metadata('version', '1'), 'format version 1 is not supported, only 3'],
    ['no program', ({ metadata }) => delete metadata.program, 'its metadata has no program'],
    ['a program that is not JSON', metadata('program', '{"images":\n [32'), 'JSON'],
    ['a program that is null', metadata('program', 'null'), 'program must be an object, not null'],
    [
      'images without channels',
      program((own) => own.images.pop()),
      'program.images must be a list of 3 sizes, not [32,32]',
    ],
    [
      'images too large for any memory',
      program((own) => own.images.fill(2 ** 23, 0, 2)),
      'imageShape[0] must be a whole number from 1 to 16384, not 8388608',
    ],
    [
      'images whose activations are too large',
      program((own) => own.images.fill(16_000, 0, 2)),
      /one image needs \d+ bytes of memory/,
    ],
    ['no nodes', program((own) => own.nodes.splice(0)), 'program.nodes must be a list of 1 to 10000 nodes'],
    ['a malformed node', program((own) => own.nodes.push(['relu'])), 'must be [op, inputs, options], not ["relu"]'],
    [
      'an unknown op',
      node(1, (own) => {
        own[0] = 'conv3d';
      }),
      'node 1, "conv3d": unknown op',
    ],
    [
      'an op named like a method of every object',
      node(1, (own) => {
        own[0] = 'toString';
      }),
      'node 1, "toString": unknown op',
    ],
    [
      'a cycle',
      node(2, (own) => {
        own[1][0] = 2;
      }),
      'node 2, "affine": its input 2 is not defined before it',
    ],
    [
      'an undefined input',
      node(1, (own) => {
        own[1][1] = 'stem.wait';
      }),
      'its input "stem.wait" is not defined before it',
    ],
    ['too few inputs', node(1, (own) => own[1].pop()), 'node 1, "conv2d": it takes the inputs x, weight, but has 1'],
    [
      'bits instead of floats',
      node(5, (own) => {
        own[0] = 'relu';
        own[1] = [4];
      }),
      'node 5, "relu": input 1 is bits, but must be f32',
    ],
    [
      'a stride of 0',
      node(1, (own) => {
        own[2].stride = [0, 1];
      }),
      'node 1, "conv2d": stride must be a whole number from 1',
    ],
    [
      'groups that do not divide the channels',
      node(1, (own) => {
        own[2].groups = 2;
      }),
      'node 1, "conv2d": ',
    ],
    [
      'an output that is not logits',
      program((own) => own.nodes.splice(3)),
      'the output is f32 [1, 16, 16, 8], but must be f32 [batch, classes]',
    ],
    [
      'a node with constant inputs only',
      program(({ nodes }) => nodes.splice(3, 0, ['relu', ['stem.slope'], {}])),
      'node 4, "relu": none of its inputs depends on the images',
    ],
    [
      'counts of another dtype',
      program(({ nodes }) => {
        const at = nodes.findIndex(([op]) => op === 'foldedOutputTransform');
        nodes[at][0] = 'scaleCounts';
        (nodes[at][1] as unknown[]).pop();
        nodes[at][2] = {};
      }),
      '"scaleCounts": input 1 is u8, but must be i32',
    ],
    [
      'a mean over the images',
      program(({ nodes }) => {
        const at = nodes.findIndex(([op]) => op === 'mean');
        nodes[at][2] = { axes: [0, 1, 2], keepDims: false };
      }),
      'packed files do not support ops that mix the images of a batch',
    ],
    ['a duplicate class', metadata('classes', '["a","b","a"]'), 'classes lists "a" twice'],
    ['a wrong checksum', metadata('checksum', '0'.repeat(32)), 'the file is damaged: its contents do not match'],
    ['an unknown metadata key', metadata('__proto', ''), 'unknown metadata key "__proto" for a packed model'],
    [
      'a standard deviation of 0',
      metadata('preprocessing', '{"resize":32,"normalization":{"mean":[0,0,0],"std":[1,0,1]}}'),
      'preprocessing.normalization.std[1] must be a number from 0.000001 to 10, not 0',
    ],
    ['too few classes', metadata('classes', '["a"]'), 'classes must be a list of 3 names'],
    ['classes that are not a list', metadata('classes', '{"length":3}'), 'classes must be a list of 3 names'],
    [
      'preprocessing with strings for numbers',
      metadata('preprocessing', '{"resize":"32"}'),
      'preprocessing.resize must be a whole number from 1 to 16384, not "32"',
    ],
    [
      'preprocessing for grayscale images',
      metadata('preprocessing', '{"resize":32,"normalization":{"mean":[0],"std":[1]}}'),
      'preprocessing.normalization.mean must be three numbers, for red, green and blue, not [0]',
    ],
    [
      'a missing tensor',
      ({ tensors }) => tensors.delete('units.3.extra.folded'),
      'its input "units.3.extra.folded" is not defined before it',
    ],
    [
      'missing signs',
      ({ tensors }) => tensors.delete('units.3.extra.signs'),
      'the signs units.3.extra.signs must be u32',
    ],
    [
      'an extra tensor',
      ({ tensors }) => tensors.set('units.13.x', ones([2])),
      'tensor units.13.x is not used by any node',
    ],
    [
      'a tensor of another shape',
      ({ tensors }) => tensors.set('classifier.bias', ones([4])),
      '"add": add: shapes [1, 3] and [4] do not broadcast',
    ],
    ['a transposed tensor', ({ tensors }) => tensors.set('classifier.weight', ones([256, 3])), '"matmul": matmul: '],
    [
      'floats instead of bits',
      ({ tensors }) => tensors.set('units.0.extra.signs', ones([16, 1])),
      'the signs units.0.extra.signs must be u32 [16, 1] for the shape [16,1,1,8]',
    ],
    [
      'NaN',
      ({ tensors }) => tensors.get('units.5.pointwise.folded')?.values.fill(Number.NaN, 7, 8),
      'tensor units.5.pointwise.folded contains a NaN or infinite value',
    ],
    [
      'infinity',
      ({ tensors }) => tensors.get('stem.weight')?.values.fill(Number.POSITIVE_INFINITY, 0, 1),
      'tensor stem.weight contains a NaN or infinite value',
    ],
  ];

  test.each(cases)('%s', (_, change, message) => {
    expectRefused(corrupted(change), typeof message === 'string' ? escaped(message) : message);
  });

  test('any part of a file', () => {
    unpackModel(whole).dispose();
    // A missing checksum is accepted.
    unpackModel(corrupted(() => {})).dispose();
    for (const length of [0, 4, 8, 100, 3000, whole.length >> 1, whole.length - 1]) {
      expectRefused(whole.subarray(0, length), /./);
    }
    expectRefused(whole.slice(0, 64).reverse(), /./);
  });
});

const escaped = (text: string): RegExp => new RegExp(text.replace(/[[\](){}.*+?^$|\\]/g, '\\$&'));
