import type { Rule } from '@mobinet/tensor/kernels';
import { foldedOutputTransformRules } from './folded-output-transform.rules.js';
import { outputTransformRules } from './output-transform.rules.js';

/**
 * All rules by which `compile` fuses a binary network in evaluation. No bit of a result changes.
 *
 * @example
 * ```ts
 * import { BatchNorm2d, PReLU, Sequential } from '@mobinet/autograd';
 * import { BinaryConv2d, inferenceRules } from '@mobinet/bnn';
 * import { compile, Rng, type Tensor } from '@mobinet/tensor';
 *
 * const layer = new BinaryConv2d(8, 8, { rng: Rng.fromSeed(0) });
 * const network = new Sequential(layer, new PReLU(8), new BatchNorm2d(8)).eval();
 * for (const rules of [[], inferenceRules]) {
 *   const ready = compile((x) => network.forward(x as Tensor), [{ dtype: 'f32', shape: [1, 4, 4, 8] }], { rules });
 *   console.log(ready.program.calls.map((call) => (call.kind === 'op' ? call.op.name : call.kind)).join(' '));
 *   ready.dispose();
 * }
 * // → packBits bitConv2d scaleCounts prelu affine
 * // → packBits bitConv2d outputTransform
 * ```
 */
export const inferenceRules: readonly Rule[] = [...foldedOutputTransformRules, ...outputTransformRules];
