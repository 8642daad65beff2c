import { Conv2d, GlobalAveragePool2d, Linear, Module, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { add, avgPool2d, memory, Rng, relu, type Tensor, tidy, transpose, withoutMemory } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { packModel } from '../export/pack.js';
import { unpackModel } from '../export/packed-model.js';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import type { Block, MoBiNetOptions } from '../networks/mobinet/options.js';
import { countFlops, type MultiplyAdds } from './flops.js';
import { type NetworkSummary, summary } from './summary.js';

const summaryOf = (options: Partial<MoBiNetOptions>): NetworkSummary =>
  withoutMemory(() => tidy(() => summary(createMoBiNet(options))));

const float = (count: number): MultiplyAdds => ({ floatMultiplyAdds: count, binaryMultiplyAdds: 0 });

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
    const { flops } = summaryOf({ block, k });
    expect(Math.abs(flops / 1e6 - millions)).toBeLessThan(0.01);
  });

  test('the same accounting gives Bi-Real-18 the 1.63 × 10⁸ of its paper', () => {
    const rng = Rng.fromSeed(0);
    const binaryOf = (from: number, to = from, stride = 1) => new BinaryConv2d(from, to, { stride, rng });
    const network = (): Sequential =>
      new Sequential(
        new Conv2d(3, 64, { kernel: 7, stride: 4, padding: 3, bias: false, rng }),
        ...Array.from({ length: 4 }, () => binaryOf(64)),
        ...[64, 128, 256].flatMap((from) => [
          binaryOf(from, 2 * from, 2),
          ...Array.from({ length: 3 }, () => binaryOf(2 * from)),
        ]),
        new GlobalAveragePool2d(),
        new Linear(512, 1000, { rng }),
      );
    const { layers } = withoutMemory(() => tidy(() => summary(network(), { imageShape: [224, 224, 3] })));
    // The 1×1 float shortcut of each stage, on the pixels that the stage outputs.
    const shortcuts = [28, 14, 7].map((size, stage) => float(size ** 2 * 64 * 2 ** stage * 128 * 2 ** stage));
    // With stride 4, this stem has a quarter of the output pixels of the paper's, where a pool follows stride 2.
    const [stem, ...rest] = [...layers, ...shortcuts];
    const all = [float(4 * stem.floatMultiplyAdds), ...rest];
    const total = (key: keyof MultiplyAdds): number => all.reduce((sum, layer) => sum + layer[key], 0);
    expect(total('floatMultiplyAdds') / 1e6).toBeCloseTo(137.79, 2);
    expect(total('binaryMultiplyAdds') / 1e6).toBeCloseTo(1676.28, 1);
    expect(countFlops(all) / 1e6).toBeCloseTo(163.99, 1);
  });

  test('are float multiply-adds plus 1/64 of the binary ones', () => {
    expect(
      countFlops([
        float(10),
        { floatMultiplyAdds: 0, binaryMultiplyAdds: 640 },
        { floatMultiplyAdds: 5, binaryMultiplyAdds: 64 },
      ]),
    ).toBe(26);
  });
});

describe('summary', () => {
  const variants: Partial<MoBiNetOptions>[] = [
    { block: 'mid', k: 3 },
    { block: 'pre', k: 0, activation: 'relu' },
    { block: 'post', k: 2, classes: 3, stemStride: 1 },
    { block: 'none', k: 1, skip: 'none', padding: 'zero' },
  ];

  test.each(variants)('counts the parameters that inference uses: %o', (variant) => {
    const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 10, ...variant });
    const parameters = [...model.parameters().values()];
    const binary = parameters.filter((parameter) => parameter.binary);
    const [stem] = [model.stem.conv.weight.size + 3 * model.stem.norm.gamma.size];
    const classifier = model.classifier.weight.size + model.options.classes;
    const counted = summary(model);
    expect(counted.binaryParameters).toBe(binary.reduce((sum, { size }) => sum + size, 0));
    // Everything after a binary convolution folds into three numbers per filter.
    expect(counted.floatParameters).toBe(stem + classifier + 3 * binary.reduce((sum, { shape }) => sum + shape[0], 0));
    expect(counted.parameters).toBe(counted.binaryParameters + counted.floatParameters);
    expect(counted).toEqual(summaryOf(model.options));
    const packed = unpackModel(packModel(model));
    expect(summary(packed)).toEqual(counted);
    packed.dispose();
    model.dispose();
  });

  test('counts shifts and corners of activations, and names layers as without them', () => {
    const [plain, both] = [{}, { shift: 'learned', activation: 'rprelu' } as const].map((options) => {
      const model = createMoBiNet({ width: 0.25, imageSize: 32, classes: 10, ...options });
      const counted = summary(model);
      const packed = unpackModel(packModel(model));
      expect(summary(packed)).toEqual(counted);
      for (const one of [packed, model]) one.dispose();
      return counted;
    });
    expect(both.layers.map(({ name, kind }) => [name, kind])).toEqual(
      plain.layers.map(({ name, kind }) => [name, kind]),
    );
    expect(both.binaryParameters).toBe(plain.binaryParameters);
    // Without them, a filter has three numbers. With them it has five: α, γ, slope, scale and shift of BatchNorm.
    const segments = plain.layers.slice(1, -1);
    const sumOf = (shape: 'inputShape' | 'outputShape'): number =>
      segments.reduce((total, layer) => total + layer[shape].at(-1)!, 0);
    expect(both.floatParameters - plain.floatParameters).toBe(sumOf('inputShape') + 2 * sumOf('outputShape'));
  });

  test('has totals that are the sums over the layers, and shapes that match from layer to layer', () => {
    const { layers, ...total } = summaryOf({ block: 'post', k: 4 });
    const sum = (pick: (layer: (typeof layers)[number]) => number): number =>
      layers.reduce((all, layer) => all + pick(layer), 0);
    expect(sum((layer) => layer.binaryMultiplyAdds)).toBe(total.binaryMultiplyAdds);
    expect(sum((layer) => layer.floatMultiplyAdds)).toBe(total.floatMultiplyAdds);
    expect(sum((layer) => layer.binaryParameters + layer.floatParameters)).toBe(total.parameters);
    expect(layers).toHaveLength(2 + 13 * 3);
    for (let i = 1; i < layers.length; i++) expect(layers[i].inputShape).toEqual(layers[i - 1].outputShape);
    // The rest of the file is its header.
    const header = total.savedBytes! - sum((layer) => layer.savedBytes!);
    expect(header).toBeGreaterThan(0);
    expect(header).toBeLessThan(0.01 * total.savedBytes!);
  });

  /** A residual block that halves height and width, whose shortcut runs before or after its convolution. */
  class Halving extends Module {
    readonly conv: BinaryConv2d;
    readonly shortcut: Conv2d;
    readonly shortcutFirst: boolean;

    constructor(channels: number, shortcutFirst: boolean) {
      super();
      const rng = Rng.fromSeed(0);
      this.conv = new BinaryConv2d(channels, 2 * channels, { stride: 2, rng });
      this.shortcut = new Conv2d(channels, 2 * channels, { kernel: 1, bias: false, rng });
      this.shortcutFirst = shortcutFirst;
    }

    override forward(x: Tensor): Tensor {
      const shortcut = () => this.shortcut.forward(avgPool2d(x, { window: 2 }));
      if (this.shortcutFirst) return relu(add(shortcut(), this.conv.forward(x)));
      return relu(add(this.conv.forward(x), shortcut()));
    }
  }

  test.each([true, false])(
    'has the shapes of each branch of a residual network, shortcut first: %s',
    (shortcutFirst) => {
      const rng = Rng.fromSeed(0);
      const network = new Sequential(
        new Conv2d(3, 4, { rng }),
        new Halving(4, shortcutFirst),
        new Halving(8, shortcutFirst),
        new Conv2d(16, 2, { kernel: 1, rng }),
        new GlobalAveragePool2d(),
      );
      const { layers } = summary(network, { imageShape: [8, 8, 3] });
      const shapes = layers.map(({ name, inputShape, outputShape }) => [
        name,
        inputShape.join('×'),
        outputShape.join('×'),
      ]);
      expect(shapes.sort()).toEqual([
        ['layers.0', '8×8×3', '8×8×4'],
        ['layers.1.conv', '8×8×4', '4×4×8'],
        ['layers.1.shortcut', '4×4×4', '4×4×8'],
        ['layers.2.conv', '4×4×8', '2×2×16'],
        ['layers.2.shortcut', '2×2×8', '2×2×16'],
        ['layers.3', '2×2×16', '2'],
      ]);
      const packed = unpackModel(packModel(network, { imageShape: [8, 8, 3] }));
      expect(summary(packed).layers).toEqual(layers);
      packed.dispose();
      network.dispose();
    },
  );

  test('takes no memory for a network made without memory', () => {
    const before = memory();
    const { savedBytes } = summaryOf({ block: 'mid', k: 3 });
    expect(memory()).toEqual(before);
    // About 5 MB at full size, of which 4.1 MB are the float classifier.
    expect(savedBytes! / 1e6).toBeGreaterThan(4.9);
    expect(savedBytes! / 1e6).toBeLessThan(5.5);
  });

  test('counts the same work for a float twin, as float operations', () => {
    const [binary, float] = [summaryOf({}), summaryOf({ precision: 'float' })];
    expect(float.floatMultiplyAdds).toBe(binary.floatMultiplyAdds + binary.binaryMultiplyAdds);
    expect([float.binaryMultiplyAdds, float.binaryParameters]).toEqual([0, 0]);
    const model = createMoBiNet({ precision: 'float', width: 0.25, classes: 10 });
    const parameters = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
    expect(summary(model).parameters).toBe(parameters);
    expect(summary(model).savedBytes).toBe(packModel(model).byteLength);
    model.dispose();
  });

  test('counts everything except bytes for a network that cannot be packed', () => {
    class Transposed extends Module {
      readonly head = new Linear(4, 2, { rng: Rng.fromSeed(0) });

      override forward(x: Tensor): Tensor {
        return this.head.forward(new GlobalAveragePool2d().forward(transpose(x, [0, 1, 3, 2])));
      }
    }
    const { layers, savedBytes, parameters } = summary(new Transposed().label(), { imageShape: [2, 4, 3] });
    expect([layers.length, savedBytes, parameters]).toEqual([1, null, 10]);
    expect(layers[0]).toMatchObject({ name: 'head', kind: 'linear', inputShape: [4], outputShape: [2] });
  });
});
