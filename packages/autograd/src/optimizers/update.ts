import { applyInto, defineOp, type Tensor } from '@mobinet/tensor/functions';
import { UpdateKernel } from './update.wasm.js';
import { UpdateShader } from './update.wgsl.js';
import type { ParameterUpdate, UpdateDefinition } from './update-definition.js';

/** A step of an optimizer that is ready to run: what `defineUpdate` returns. */
export interface UpdateRule<N extends string> {
  /** The tensors that the optimizer keeps for each parameter. */
  readonly slots: readonly string[];
  /** Changes parameters and their slots in place. All of them must be on one backend. */
  run(updates: readonly ParameterUpdate[], numbers: Readonly<Record<N, number>>): void;
}

/**
 * Makes an op of an optimizer's formula, with its definition and its kernels for CPU and GPU. The op changes all
 * parameters of a network in one call, in place. `sgd.ts` is a short example.
 *
 * @param definition The formula, for a number, for four lanes, and in WGSL.
 * @returns The rule that `Optimizer.applyRule` takes.
 * @example
 * ```ts
 * import { defineUpdate } from '@mobinet/autograd/kernels';
 * import { tensor } from '@mobinet/tensor';
 *
 * // Gradient descent without momentum: w ← w − η·g.
 * const descent = defineUpdate({
 *   name: 'descent',
 *   slots: [],
 *   numbers: ['rate'],
 *   scalar: (p) => ([w, g]) => [w - p.rate * g],
 *   lanes: (p) => ([w, g]) => [w.sub(g.mul(p.rate))],
 *   wgsl: 'w -= p.rate * g;',
 * });
 * const [w, g] = [tensor([1, 2]), tensor([4, -4])];
 * descent.run([{ tensors: [w, g], gradientDecay: 0, weightDecay: 0 }], { rate: 0.25 });
 * console.log(`${w.values}`);
 * // → 0,3
 * ```
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineUpdate<const N extends string>(definition: UpdateDefinition<N>): UpdateRule<N> {
  const { name, slots } = definition;
  const kernel = new UpdateKernel(definition);
  const shader = new UpdateShader(definition);
  // The attributes group the tensors by parameter. Since outputs are always the inputs themselves, kernels need only
  // these.
  const op = defineOp<readonly Tensor[], readonly Tensor[], UpdateAttributes<N>>({
    name,
    outputs: (_inputs, { updates }) => updates.flatMap(writtenBy),
    reference(_inputs, _outputs, { updates, numbers }) {
      for (const update of updates) {
        const formula = definition.scalar({ ...numbers, ...update });
        const read = update.tensors.map(({ values }) => values);
        const written = writtenBy(update).map(({ values }) => values);
        for (let i = 0; i < read[0].length; i++) {
          const results = formula(read.map((values) => values[i]));
          for (let k = 0; k < written.length; k++) written[k][i] = results[k];
        }
      }
    },
    fast: (_inputs, _outputs, { updates, numbers }) => kernel.run(updates, numbers),
    webgpu: (_inputs, _outputs, { updates, numbers }) => shader.run(updates, numbers),
  });
  return {
    slots,
    run(updates, numbers) {
      const inputs = updates.flatMap(({ tensors }) => tensors);
      applyInto(op, inputs, updates.flatMap(writtenBy), { updates, numbers });
    },
  };
}

interface UpdateAttributes<N extends string> {
  readonly updates: readonly ParameterUpdate[];
  readonly numbers: Readonly<Record<N, number>>;
}

/** All tensors of an update except the gradient. */
const writtenBy = ({ tensors }: ParameterUpdate): Tensor[] => tensors.toSpliced(1, 1);
