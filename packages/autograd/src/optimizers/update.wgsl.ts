import type { Tensor } from '@mobinet/tensor';
import { flushedWgsl, groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';
import { smallestSquared } from './adam.wasm.js';

// Steps of optimizers on a GPU: in place, a dispatch for each parameter.

const adamShader = new Shader('adam', {
  reads: { gradients: 'f32' },
  writes: { weights: 'f32', means: 'f32', squares: 'f32' },
  parameters: {
    count: 'u32',
    ...({ rate: 'f32', beta1: 'f32', beta2: 'f32', rest1: 'f32', rest2: 'f32', epsilon: 'f32' } as const),
    ...({ meanCorrection: 'f32', squareCorrection: 'f32', gradientDecay: 'f32', weightDecay: 'f32' } as const),
  },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let w = weights[i];
  let g = gradients[i] + p.gradientDecay * w;
  let gradient = ${flushedWgsl('g')};
  let m = p.beta1 * means[i] + p.rest1 * gradient;
  let mean = ${flushedWgsl('m')};
  let squared = select(gradient, 0.0, abs(gradient) < ${smallestSquared});
  let v = p.beta2 * squares[i] + p.rest2 * squared * squared;
  let square = ${flushedWgsl('v')};
  means[i] = mean;
  squares[i] = square;
  let adaptive = mean * p.meanCorrection / (sqrt(square * p.squareCorrection) + p.epsilon);
  weights[i] = w - p.rate * (adaptive + p.weightDecay * w);`,
});

/** What all parameters of a step share. */
export interface AdamNumbers {
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  /** 1 − β: of a β near 1, f32 would not leave enough. */
  readonly rest1: number;
  readonly rest2: number;
  readonly epsilon: number;
  /** 1/(1 − βᵗ). */
  readonly meanCorrection: number;
  readonly squareCorrection: number;
}

/** One parameter of a step of Adam: adam.ts has the formula. */
export function adamOnGpu(
  [weights, gradients, means, squares]: readonly Tensor[],
  numbers: AdamNumbers,
  { gradientDecay = 0, weightDecay = 0 }: { gradientDecay?: number; weightDecay?: number },
): void {
  const parameters = { ...numbers, gradientDecay, weightDecay, count: weights.size };
  adamShader.run({ gradients }, { weights, means, squares }, parameters, groupsOf(weights.size));
}

const sgdShader = new Shader('sgd', {
  reads: { gradients: 'f32' },
  writes: { weights: 'f32', velocities: 'f32' },
  parameters: { count: 'u32', rate: 'f32', momentum: 'f32', decay: 'f32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let v = p.momentum * velocities[i] + gradients[i] + p.decay * weights[i];
  let velocity = ${flushedWgsl('v')};
  velocities[i] = velocity;
  weights[i] -= p.rate * velocity;`,
});

/** One parameter of a step of SGD: sgd.ts has the formula. */
export function sgdOnGpu(
  [weights, gradients, velocities]: readonly Tensor[],
  numbers: { readonly rate: number; readonly momentum: number; readonly decay: number },
): void {
  sgdShader.run({ gradients }, { weights, velocities }, { ...numbers, count: weights.size }, groupsOf(weights.size));
}
