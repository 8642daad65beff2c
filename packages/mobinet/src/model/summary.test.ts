import { memory } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { createMoBiNet } from './mobinet.js';
import type { Block, MoBiNetOptions } from './options.js';
import { convMultiplyAdds, countFlops, type MultiplyAdds, summary } from './summary.js';

const float = (count: number): MultiplyAdds => ({ floatMultiplyAdds: count, binaryMultiplyAdds: 0 });
const binary = (count: number): MultiplyAdds => ({ floatMultiplyAdds: 0, binaryMultiplyAdds: count });

describe('FLOPs', () => {
  /** Table 3 of the paper for K = 0 … 4, in millions, to two decimals. */
  const table: Record<Block, readonly number[]> = {
    pre: [45.88, 46.58, 47.97, 50.77, 56.36],
    mid: [45.61, 46.04, 46.9, 48.62, 52.07],
    post: [35.37, 35.8, 36.66, 38.39, 41.83],
    none: [25.54, 25.97, 26.83, 28.55, 32.0],
  };
  const cells = (Object.keys(table) as Block[]).flatMap((block) =>
    table[block].map((millions, k) => ({ block, k, millions })),
  );

  test.each(cells)("$block, K = $k: the paper's $millions M", ({ block, k, millions }) => {
    const { flops } = summary({ block, k });
    expect(Math.abs(flops / 1e6 - millions)).toBeLessThan(0.01);
  });

  test('the same accounting gives Bi-Real-18 the 1.63 × 10⁸ of its paper', () => {
    const stages = [
      { size: 28, inChannels: 64, outChannels: 128 },
      { size: 14, inChannels: 128, outChannels: 256 },
      { size: 7, inChannels: 256, outChannels: 512 },
    ];
    const layers = [
      float(convMultiplyAdds(112, 7, 3, 64)),
      ...Array.from({ length: 4 }, () => binary(convMultiplyAdds(56, 3, 64, 64))),
      ...stages.flatMap(({ size, inChannels, outChannels }) => [
        float(convMultiplyAdds(size, 1, inChannels, outChannels)),
        binary(convMultiplyAdds(size, 3, inChannels, outChannels)),
        ...Array.from({ length: 3 }, () => binary(convMultiplyAdds(size, 3, outChannels, outChannels))),
      ]),
      float(512 * 1000),
    ];
    const total = (key: keyof MultiplyAdds): number => layers.reduce((sum, layer) => sum + layer[key], 0);
    expect(total('floatMultiplyAdds') / 1e6).toBeCloseTo(137.79, 2);
    expect(total('binaryMultiplyAdds') / 1e6).toBeCloseTo(1676.28, 1);
    expect(countFlops(layers) / 1e6).toBeCloseTo(163.99, 1);
  });

  test('are those of float operations plus a 64th of the binary ones', () => {
    expect(countFlops([float(10), binary(640), { floatMultiplyAdds: 5, binaryMultiplyAdds: 64 }])).toBe(26);
  });
});

describe('summary', () => {
  const variants: Partial<MoBiNetOptions>[] = [
    { block: 'mid', k: 3 },
    { block: 'pre', k: 0, activation: 'relu' },
    { block: 'post', k: 2, classes: 3, stemStride: 1 },
    { block: 'none', k: 1, skip: 'none', padding: 'zero' },
  ];

  test.each(variants)('counts the parameters that the network has: %o', (variant) => {
    const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 10, ...variant });
    const parameters = [...model.parameters().values()];
    const sizes = (wanted: boolean): number =>
      parameters.filter(({ binary }) => binary === wanted).reduce((sum, { size }) => sum + size, 0);
    // A network computes its α, one a filter, from the latent weights; saved, they are parameters.
    const filters = parameters.filter(({ binary }) => binary).reduce((sum, { shape }) => sum + shape[0], 0);
    const counted = summary(model);
    expect(counted.binaryParameters).toBe(sizes(true));
    expect(counted.floatParameters).toBe(sizes(false) + filters);
    expect(counted.parameters).toBe(counted.binaryParameters + counted.floatParameters);
    expect(counted).toEqual(summary(model.options));
    model.dispose();
  });

  test('holds in each layer what the totals say, with shapes that fit together', () => {
    const { layers, ...total } = summary({ block: 'post', k: 4 });
    const sum = (pick: (layer: (typeof layers)[number]) => number): number =>
      layers.reduce((all, layer) => all + pick(layer), 0);
    expect(sum((layer) => layer.binaryMultiplyAdds)).toBe(total.binaryMultiplyAdds);
    expect(sum((layer) => layer.floatMultiplyAdds)).toBe(total.floatMultiplyAdds);
    expect(sum((layer) => layer.binaryParameters + layer.floatParameters)).toBe(total.parameters);
    expect(layers).toHaveLength(2 + 13 * 3);
    for (let i = 1; i < layers.length; i++) {
      expect(layers[i].inputShape.at(-1)).toBe(layers[i - 1].outputShape.at(-1));
    }
    // All but the header of the file is tensors.
    const header = total.savedBytes! - sum((layer) => layer.savedBytes!);
    expect(header).toBeGreaterThan(0);
    expect(header).toBeLessThan(0.01 * total.savedBytes!);
  });

  test('from options, no memory is taken', () => {
    const before = memory();
    const { savedBytes } = summary({ block: 'mid', k: 3 });
    expect(memory()).toEqual(before);
    // About 5 MB at full size, of which 4.1 MB are the float classifier.
    expect(savedBytes! / 1e6).toBeGreaterThan(4.9);
    expect(savedBytes! / 1e6).toBeLessThan(5.5);
  });

  test('of a float twin counts the same work as work of floats, and no packed file', () => {
    const [binary, float] = [summary({}), summary({ precision: 'float' })];
    expect(float.floatMultiplyAdds).toBe(binary.floatMultiplyAdds + binary.binaryMultiplyAdds);
    expect([float.binaryMultiplyAdds, float.binaryParameters, float.savedBytes]).toEqual([0, 0, null]);
    const model = createMoBiNet({ precision: 'float', width: 0.25, classes: 10 });
    const parameters = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
    expect(summary(model).parameters).toBe(parameters);
  });
});
