import { BitTensor, GradientError, type RecordedCall, Tensor } from '@mobinet/tensor';
import { Module, modulesOf } from './module.js';
import { Parameter } from './parameter.js';
import { flattenAll } from './tree.js';

// What is trained is found by its field paths. Parameters that have none would stay as they are while everything seems to work, so
// whoever meets them refuses.

/** Why there is nothing in a tree that could be trained. */
export function nothingToTrain(tree: unknown): TypeError {
  const remedy =
    'Parameters are found in public fields that hold a Parameter, a Module, or arrays and records of these; ' +
    'what is in private fields (#weight) or closures is not found.';
  if (tree instanceof Module) return new TypeError(`${tree.constructor.name} has no parameters. ${remedy}`);
  if (tree instanceof Tensor || tree instanceof BitTensor) {
    return new TypeError(`only f32 tensors have gradients, and this one is ${tree.dtype}. Use cast(x, 'f32') before.`);
  }
  return new TypeError(`there is nothing to differentiate by or to train: no f32 tensor and no parameter. ${remedy}`);
}

/**
 * A check for a tape that differentiates by modules: every `Parameter` that takes part must be known. One that is not is in a
 * private field, say, and would never be trained.
 *
 * @param rest Further arguments of the differentiated function: their parameters are constants on purpose.
 * @returns Null where no module is differentiated by: who lists tensors says what he means.
 */
export function refuseUnlisted(
  parameters: unknown,
  listed: readonly (readonly [path: string, tensor: Tensor])[],
  rest: readonly unknown[],
): ((call: RecordedCall) => void) | null {
  const [module] = modulesOf(parameters);
  if (!module) return null;
  const known = new Set(listed.map(([, tensor]) => tensor));
  let isComplete = false;
  return ({ name, inputs }) => {
    for (const input of inputs) {
      if (!(input instanceof Parameter) || known.has(input)) continue;
      // Seldom so far: what is constant is looked up only now.
      if (!isComplete) for (const constant of flattenAll(rest).values()) known.add(constant);
      isComplete = true;
      if (known.has(input)) continue;
      const parameter = input.label ?? `a parameter of shape [${input.shape}]`;
      throw new GradientError(
        `${parameter} takes part in ${name}, but ${module.constructor.name} does not list it, so it would not be trained. ` +
          'Keep it, or its module, in a public field from the start, not in a private one (#weight) or a closure. If it is not to be trained, hand it ' +
          'to the differentiated function as a further argument, or use it in noGradient(() => …).',
      );
    }
  };
}
