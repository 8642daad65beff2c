import { fc, test } from '@fast-check/vitest';
import {
  type DType,
  decodeSafetensors,
  dispose,
  encodeSafetensors,
  FormatError,
  memory,
  Rng,
  type Tensor,
  tensor,
  zeros,
} from '@mobinet/tensor';
import { beforeAll, describe, expect } from 'vitest';
import { mobinetOptions } from '../networks/mobinet/options.js';
import { encodeCheckpoint } from '../training/checkpoint.js';
import { paperTraining } from '../training/options.js';
import { newRun } from '../training/run.js';
import { importWeights } from './import-weights.js';
import { trainALittle } from './networks.test.helper.js';
import { packModel } from './pack.js';

type Tensors = Map<string, Tensor<DType>>;

const small = { width: 0.125, imageSize: 32, k: 1 } as const;
const data = { classes: ['a', 'b', 'c'], trainImages: 24 };

/** The weights of a checkpoint as other frameworks save them: without the optimizer and without our prefix. */
function weightsOf(checkpoint: Uint8Array, change: (tensors: Tensors) => void = () => {}): Uint8Array {
  const { tensors } = decodeSafetensors(checkpoint);
  const own: Tensors = new Map();
  for (const [name, tensor] of tensors) {
    if (name.startsWith('model.')) own.set(name.slice('model.'.length), tensor);
  }
  change(own);
  const bytes = encodeSafetensors(own, { format: 'pt' });
  dispose([tensors, own]);
  return bytes;
}

describe('importWeights', () => {
  const variants = fc.record({
    block: fc.constantFrom(...mobinetOptions.block.choices),
    activation: fc.constantFrom(...mobinetOptions.activation.choices),
    seed: fc.nat(1000),
  });

  test.prop([variants], { numRuns: 4 })(
    'restores the network from the floats of a checkpoint, bit for bit',
    (variant) => {
      const run = newRun({ ...small, ...variant }, paperTraining, data);
      trainALittle(run.model, Rng.fromSeed(variant.seed));
      const weights = weightsOf(encodeCheckpoint(run));
      const before = memory();
      const imported = importWeights(weights, { options: { ...small, ...variant, classes: 3 } });
      expect(Buffer.from(packModel(imported)).equals(packModel(run.model))).toBe(true);
      imported.dispose();
      expect(memory()).toEqual(before);
      run.model.dispose();
      run.optimizer.dispose();
    },
  );
});

describe('importWeights refuses, in one line,', () => {
  let checkpoint: Uint8Array;

  beforeAll(() => {
    const run = newRun(small, paperTraining, data);
    checkpoint = encodeCheckpoint(run);
    run.model.dispose();
    run.optimizer.dispose();
  });

  function expectRefused(bytes: Uint8Array, message: string | RegExp, options: object = {}): void {
    const before = memory();
    let error: unknown;
    try {
      importWeights(bytes, { options: { ...small, classes: 3, ...options }, source: 'torch.safetensors' });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FormatError);
    const [line] = (error as Error).message.split(/^torch\.safetensors: /).slice(1);
    if (typeof message === 'string') expect(line).toBe(message);
    else expect(line).toMatch(message);
    expect(line).not.toContain('\n');
    expect(memory()).toEqual(before);
  }

  const set = (name: string, value: number) => (tensors: Tensors) => {
    tensors.get(name)!.values[1] = value;
  };

  const replaced = (name: string, value: Tensor<DType>) => (tensors: Tensors) => {
    tensors.get(name)!.dispose();
    tensors.set(name, value);
  };

  const cases: [what: string, change: (tensors: Tensors) => void, message: string][] = [
    [
      'a missing parameter',
      (tensors) => tensors.delete('units.3.extra.conv.weight'),
      'tensor units.3.extra.conv.weight is missing',
    ],
    [
      'missing statistics',
      (tensors) => tensors.delete('stem.norm.runningMean'),
      'tensor stem.norm.runningMean is missing',
    ],
    [
      'an unknown tensor, with a line break in its name',
      (tensors) => tensors.set('head\n.weight', zeros([2])),
      'tensor head .weight does not belong to this network',
    ],
    [
      "filters in PyTorch's layout",
      (tensors) => replaced('units.2.depthwise.conv.weight', zeros([16, 2, 3, 3]))(tensors),
      'tensor units.2.depthwise.conv.weight is f32 [16,2,3,3], but the network has f32 [16,3,3,2]',
    ],
    [
      'integers',
      (tensors) => replaced('classifier.bias', tensor([1, 2, 3], { dtype: 'i32' }))(tensors),
      'tensor classifier.bias is i32 [3], but the network has f32 [3]',
    ],
    [
      'NaN',
      set('units.5.pointwise.activation.slope', Number.NaN),
      'tensor units.5.pointwise.activation.slope contains a NaN or infinite value',
    ],
    [
      'infinity',
      set('units.0.depthwise.conv.weight', Number.POSITIVE_INFINITY),
      'tensor units.0.depthwise.conv.weight contains a NaN or infinite value',
    ],
    [
      'a negative variance',
      set('units.12.extra.norm.runningVariance', -1e-9),
      'tensor units.12.extra.norm.runningVariance contains a negative variance',
    ],
  ];

  test.each(cases)('%s', (_, change, message) => {
    expectRefused(weightsOf(checkpoint, change), message);
  });

  test('weights of another architecture', () => {
    const weights = weightsOf(checkpoint);
    const resized =
      /^tensor stem\.conv\.weight is f32 \[4,3,3,3\], but the network has f32 \[8,3,3,3\]; tensor .* more have/;
    expectRefused(weights, resized, { width: 0.25 });
    const without = /^tensors units\.0\.depthwise\.activation\.slope, .* and \d+ more do not belong to this network$/;
    expectRefused(weights, without, { activation: 'relu' });
  });

  test('a whole checkpoint', () => {
    expectRefused(checkpoint, 'this is a training checkpoint, which needs no import. Use mobinet export --checkpoint');
  });

  test('invalid options, before reading the file', () => {
    expect(() => importWeights(new Uint8Array(), { options: { k: -1 } })).toThrow(RangeError);
  });
});
