import { fc, test } from '@fast-check/vitest';
import { flatten, noGradient, RPReLU, valueAndGradient } from '@mobinet/autograd';
import { binaryConv2d, inferenceRules } from '@mobinet/bnn';
import {
  add,
  batchNorm,
  compile,
  concat,
  memory,
  mul,
  prelu,
  Rng,
  relu,
  sub,
  sum,
  type Tensor,
  tidy,
} from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { createMoBiNet, type MoBiNet } from './mobinet.js';
import { type MoBiNetOptions, mobinetOptions } from './options.js';
import type { Segment } from './segment.js';

// The options of ReActNet: learned shifts, and RPReLU. PyTorch's gradients of whole networks are compared in
// torch-gradients.test.ts.

const choices = fc.record({
  shift: fc.constantFrom(...mobinetOptions.shift.choices),
  activation: fc.constantFrom(...mobinetOptions.activation.choices),
  skip: fc.constantFrom('all' as const, 'none' as const),
  padding: fc.constantFrom(...mobinetOptions.padding.choices),
  estimator: fc.constantFrom(...mobinetOptions.estimator.choices),
});

/**
 * A small network whose shifts, activations and norms have random numbers in place of their initial ones, and large
 * weights, so that counts are on both sides of the corners of activations.
 */
function randomNetwork(options: Partial<MoBiNetOptions>, rng: Rng): MoBiNet {
  const model = createMoBiNet({ width: 0.25, k: 2, imageSize: 32, classes: 3, ...options });
  for (const [name, { values }] of model.parameters()) {
    if (name.endsWith('.conv.weight')) values.set(rng.split(name).normal([values.length], 0, 0.8).values);
    if (/shift|activation|norm/.test(name)) values.set(rng.split(name).normal([values.length], 0.3, 0.7).values);
  }
  return model;
}

/** A segment in training as a sequence of ops. */
function composition({ shift, conv, activation, norm, plan }: Segment, x: Tensor, options: MoBiNetOptions): Tensor {
  const { groups, skipRepeats } = plan;
  const { padding: paddingValue, estimator } = options;
  const shifted = shift ? add(x, shift) : x;
  let y = binaryConv2d(shifted, conv.weight, { padding: 'same', groups, paddingValue, estimator });
  if (activation instanceof RPReLU) y = sub(y, activation.gamma);
  y = 'slope' in activation ? prelu(y, activation.slope) : relu(y);
  y = batchNorm(y, norm.gamma, norm.beta, { epsilon: norm.epsilon }).output;
  return skipRepeats > 0 ? add(y, concat(new Array<Tensor>(skipRepeats).fill(x), -1)) : y;
}

describe('a segment', () => {
  test.prop([choices, fc.constantFrom('fast', 'reference'), fc.nat()], { numRuns: 20 })(
    'in training has the values and gradients of its steps, on both kernel tiers',
    (options, tier, seed) => {
      const before = memory();
      tidy(() => {
        const rng = Rng.fromSeed(seed);
        const model = randomNetwork(options, rng);
        for (const segment of model.units[1].segments) {
          const { inChannels, outChannels } = segment.plan;
          const [x, dy] = [inChannels, outChannels].map((channels, at) => rng.split(at).normal([2, 5, 4, channels]));
          const differentiate = (forward: (segment: Segment, x: Tensor) => Tensor) =>
            valueAndGradient((segment: Segment, x: Tensor) => sum(mul(forward(segment, x), dy)))(segment, x);
          const expected = withKernels('reference', () =>
            differentiate((segment, x) => composition(segment, x, model.options)),
          );
          const found = withKernels(tier, () => differentiate((segment, x) => segment.forward(x)));
          const gradients = new Map(flatten(found.gradients));
          expect([...gradients.keys()].some((name) => name.endsWith('shift'))).toBe(options.shift === 'learned');
          for (const [name, { values }] of flatten(expected.gradients)) {
            const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0.1);
            const errors = gradients.get(name)!.values.map((value, at) => Math.abs(value - values[at]));
            expect(Math.max(...errors) / scale, `${segment.plan.name}: ${name}`).toBeLessThan(1e-4);
          }
        }
        model.dispose();
      });
      expect(memory()).toEqual(before);
    },
  );

  const fused: Partial<MoBiNetOptions>[] = [
    { shift: 'learned' },
    { activation: 'rprelu' },
    { shift: 'learned', activation: 'rprelu' },
    { shift: 'learned', activation: 'relu', block: 'none', skip: 'none', padding: 'zero' },
  ];

  test.each(fused)('becomes a convolution and one transform of its counts in a compiled network: %o', (options) => {
    tidy(() => {
      const rng = Rng.fromSeed(3);
      const model = randomNetwork(options, rng);
      const images = rng.split('images').normal([2, 32, 32, 3]);
      noGradient(() => model.train().forward(images));
      model.eval();
      const ready = compile((x) => model.forward(x as Tensor), [images], { rules: inferenceRules });
      const expected = noGradient(() => model.forward(images));
      expect([...(ready.run([images])[0] as Tensor).values]).toEqual([...expected.values]);
      const names = ready.program.calls.flatMap((call) => (call.kind === 'op' ? call.op.name : []));
      const units = names.slice(names.indexOf('bitConv2d'), names.lastIndexOf('mean'));
      const countOf = (pattern: RegExp): number => units.filter((name) => pattern.test(name)).length;
      const segments = model.units.flatMap(({ segments }) => segments).length;
      expect(countOf(/^bitConv2d$/)).toBe(segments);
      expect(countOf(/^(outputTransform|signThresholds)$/)).toBe(segments);
      // Signs after a pool are taken separately, and so is their shift.
      expect(countOf(/^packBits$/)).toBe(countOf(/^avgPool2d$/));
      expect(countOf(/^add$/)).toBe(options.shift === 'learned' ? countOf(/^avgPool2d$/) : 0);
      expect(countOf(/^(scaleCounts|affine|prelu|relu|neg)$/)).toBe(0);
      ready.dispose();
      model.dispose();
    });
  });
});
