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
import { countLines } from './count-lines.js';
import { countLinesRules } from './count-lines.rules.js';
import { countDType } from './counts.js';

const channels = 40;
const signs = 9 * channels;

type Read = 'nothing more' | 'its numbers' | 'its signs' | 'its numbers before the pool' | 'its signs before the pool';

/** A layer of a random network, and who reads what it makes beside the next layer. */
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
      'nothing more',
      'nothing more',
      'nothing more',
      'its numbers',
      'its signs',
      'its numbers before the pool',
      'its signs before the pool',
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

/** The network, written as one writes it: what its layers make, and what else is read of them. */
function networkOf(layers: readonly Layer[], rng: Rng) {
  const weights = layers.map((_, at) => ({
    filter: packBits(rng.split('filter', at).normal([channels, 3, 3, channels])),
    lines: rng.split('lines', at).normal([3, channels]),
  }));
  const options = { padding: 'same', paddingValue: 'one' } as const;
  return (images: Tensor): Tensor[] => {
    const read: Tensor[] = [];
    let x = images;
    for (const [at, { skip, pool, read: kind }] of layers.entries()) {
      const { filter, lines } = weights[at];
      const counts = bitConv2d(packBits(x), filter, { ...options, dtype: countDType(signs, options) });
      const { output } = countLines(counts, lines, skip ? x : null, { signs, skipRepeats: Number(skip), pool: null });
      const pooled = pools[pool](output);
      if (kind === 'its numbers') read.push(add(pooled, 1));
      if (kind === 'its signs') read.push(unpackBits(packBits(pooled)));
      if (kind === 'its numbers before the pool') read.push(add(output, 1));
      if (kind === 'its signs before the pool') read.push(unpackBits(packBits(output)));
      x = pooled;
    }
    return [...read, unpackBits(packBits(x))];
  };
}

const callsOf = (layers: readonly Layer[]): string[] =>
  tidy(() => {
    const network = networkOf(layers, Rng.fromSeed(1));
    const ready = compile((x) => network(x as Tensor), [{ dtype: 'f32', shape: [1, 8, 8, channels] }], {
      rules: countLinesRules,
    });
    const names = ready.program.calls.map((call) => (call.kind === 'op' ? call.op.name : 'view'));
    ready.dispose();
    return names;
  });

describe('the rules of countLines', () => {
  test.prop([layers, fc.integer({ min: 8, max: 11 }), fc.nat()], { numRuns: 60 })(
    'change no bit of what any network makes, on either kernel tier',
    (layers, size, seed) => {
      tidy(() => {
        const rng = Rng.fromSeed(seed);
        const network = networkOf(layers, rng);
        const images = rng.split('images').normal([2, size, size, channels]);
        const ready = compile((x) => network(x as Tensor), [images], { rules: countLinesRules });
        for (const tier of ['fast', 'reference'] as const) {
          withKernels(tier, () => {
            const [made, expected] = [ready.run([images]), network(images)].map((all) =>
              all.map((x) => [...(x as Tensor).values]),
            );
            expect(made).toEqual(expected);
          });
        }
        ready.dispose();
      });
    },
  );

  test('leave two passes of a layer, its pool and signs included', () => {
    const layer: Layer = { skip: true, pool: 'average', read: 'nothing more' };
    expect(callsOf([layer, layer])).toEqual([
      'packBits',
      'bitConv2d',
      'countLines',
      'bitConv2d',
      'countLines',
      'unpackBits',
    ]);
  });

  test('make thresholds where only signs are read', () => {
    const layer: Layer = { skip: false, pool: 'none', read: 'nothing more' };
    expect(callsOf([layer, layer])).toEqual([
      ...['packBits', 'bitConv2d', 'countThresholds', 'bitConv2d', 'countThresholds', 'unpackBits'],
    ]);
    expect(callsOf([{ ...layer, read: 'its numbers' }])).toEqual([
      'packBits',
      'bitConv2d',
      'countLines',
      'add',
      'unpackBits',
    ]);
  });

  test('leave a pool that is another, or whose input is read elsewhere', () => {
    for (const pool of ['of 3×3', 'with padding'] as const) {
      expect(callsOf([{ skip: true, pool, read: 'nothing more' }]).filter((name) => /Pool/.test(name))).toHaveLength(1);
    }
    expect(callsOf([{ skip: true, pool: 'max', read: 'its signs before the pool' }])).toContain('maxPool2d');
  });
});
