import { fc, test } from '@fast-check/vitest';
import {
  add,
  avgPool2d,
  bitConv2d,
  compile,
  maxPool2d,
  minPool2d,
  packBits,
  Rng,
  type Tensor,
  tidy,
  unpackBits,
} from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { countDType } from './counts.js';
import { foldedOutputTransform } from './folded-output-transform.js';
import { foldedOutputTransformRules } from './folded-output-transform.rules.js';

const channels = 40;
const signs = 9 * channels;

type Read = 'nothing' | 'output' | 'signs' | 'output before the pool' | 'signs before the pool';

/** A layer of a random network, and what is read of its results besides the next layer. */
interface Layer {
  readonly skip: boolean;
  readonly pool: 'none' | 'average' | 'max' | 'min' | 'of 3×3' | 'with padding';
  readonly read: Read;
}

const layers: fc.Arbitrary<readonly Layer[]> = fc.array(
  fc.record({
    skip: fc.boolean(),
    pool: fc.constantFrom<Layer['pool']>('none', 'none', 'average', 'max', 'min', 'of 3×3', 'with padding'),
    read: fc.constantFrom<Read>(
      'nothing',
      'nothing',
      'nothing',
      'output',
      'signs',
      'output before the pool',
      'signs before the pool',
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

const pools: Record<Layer['pool'], (x: Tensor) => Tensor> = {
  none: (x) => x,
  average: (x) => avgPool2d(x, { window: 2 }),
  max: (x) => maxPool2d(x, { window: 2 }),
  min: (x) => minPool2d(x, { window: 2 }),
  'of 3×3': (x) => avgPool2d(x, { window: 3, stride: 2, padding: 1 }),
  'with padding': (x) => maxPool2d(x, { window: 2, padding: 1 }),
};

/** The network in plain ops. It returns what is read of the layers, then the signs of the last one. */
function networkOf(layers: readonly Layer[], rng: Rng) {
  const weights = layers.map((_, at) => ({
    filter: packBits(rng.split('filter', at).normal([channels, 3, 3, channels])),
    folded: rng.split('folded', at).normal([3, channels]),
  }));
  const options = { padding: 'same', paddingValue: 'one' } as const;
  return (images: Tensor): Tensor[] => {
    const read: Tensor[] = [];
    let x = images;
    for (const [at, { skip, pool, read: kind }] of layers.entries()) {
      const { filter, folded } = weights[at];
      const counts = bitConv2d(packBits(x), filter, { ...options, dtype: countDType(signs, options) });
      const { output } = foldedOutputTransform(counts, folded, skip ? x : null, {
        signs,
        skipRepeats: Number(skip),
        pool: null,
      });
      const pooled = pools[pool](output);
      if (kind === 'output') read.push(add(pooled, 1));
      if (kind === 'signs') read.push(unpackBits(packBits(pooled)));
      if (kind === 'output before the pool') read.push(add(output, 1));
      if (kind === 'signs before the pool') read.push(unpackBits(packBits(output)));
      x = pooled;
    }
    return [...read, unpackBits(packBits(x))];
  };
}

const callsOf = (layers: readonly Layer[]): string[] =>
  tidy(() => {
    const network = networkOf(layers, Rng.fromSeed(1));
    const ready = compile((x) => network(x as Tensor), [{ dtype: 'f32', shape: [1, 8, 8, channels] }], {
      rules: foldedOutputTransformRules,
    });
    const names = ready.program.calls.map((call) => (call.kind === 'op' ? call.op.name : 'view'));
    ready.dispose();
    return names;
  });

describe('the rules of foldedOutputTransform', () => {
  test.prop([layers, fc.integer({ min: 8, max: 11 }), fc.nat()], { numRuns: 60 })(
    'change no bit of the results of any network, on both kernel tiers',
    (layers, size, seed) => {
      tidy(() => {
        const rng = Rng.fromSeed(seed);
        const network = networkOf(layers, rng);
        const images = rng.split('images').normal([2, size, size, channels]);
        const ready = compile((x) => network(x as Tensor), [images], { rules: foldedOutputTransformRules });
        for (const tier of ['fast', 'reference'] as const) {
          withKernels(tier, () => {
            const [found, expected] = [ready.run([images]), network(images)].map((all) =>
              all.map((x) => [...(x as Tensor).values]),
            );
            expect(found).toEqual(expected);
          });
        }
        ready.dispose();
      });
    },
  );

  test('reduce a layer, including its pool and signs, to two passes', () => {
    const layer: Layer = { skip: true, pool: 'average', read: 'nothing' };
    expect(callsOf([layer, layer])).toEqual([
      'packBits',
      'bitConv2d',
      'foldedOutputTransform',
      'bitConv2d',
      'foldedOutputTransform',
      'unpackBits',
    ]);
  });

  test('use thresholds where only signs are read', () => {
    const layer: Layer = { skip: false, pool: 'none', read: 'nothing' };
    expect(callsOf([layer, layer])).toEqual([
      'packBits',
      'bitConv2d',
      'signThresholds',
      'bitConv2d',
      'signThresholds',
      'unpackBits',
    ]);
    expect(callsOf([{ ...layer, read: 'output' }])).toEqual([
      'packBits',
      'bitConv2d',
      'foldedOutputTransform',
      'add',
      'unpackBits',
    ]);
  });

  test('leave pools of other windows, and pools whose input is read elsewhere', () => {
    for (const pool of ['of 3×3', 'with padding'] as const) {
      expect(callsOf([{ skip: true, pool, read: 'nothing' }]).filter((name) => /Pool/.test(name))).toHaveLength(1);
    }
    expect(callsOf([{ skip: true, pool: 'max', read: 'signs before the pool' }])).toContain('maxPool2d');
  });
});
