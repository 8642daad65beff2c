import { BitTensor, GradientError, type RecordedCall, Tensor } from '@mobinet/tensor/functions';
import { withHelp } from '@mobinet/tensor/kernels';
import { Module, modulesOf } from './module.js';
import { Parameter } from './parameter.js';
import { flattenAll } from './tree.js';

// Parameters are found by walking over public fields. One that cannot be found would silently stay untrained, so it is
// an error instead.

/** The error for a tree that has no parameters: says why none were found. */
export function nothingToTrain(tree: unknown): TypeError {
  const remedy =
    'Parameters are found in public fields that hold a Parameter, a Module, or arrays and records of these, ' +
    'but not in private fields (#weight) or closures.';
  if (tree instanceof Module) {
    return new TypeError(withHelp(`${tree.constructor.name} has no parameters. ${remedy}`, 'missing-parameters'));
  }
  if (tree instanceof Tensor || tree instanceof BitTensor) {
    return new TypeError(`only f32 tensors have gradients, but this one is ${tree.dtype}. Use cast(x, 'f32') first.`);
  }
  const problem = 'there is nothing to train or to differentiate with respect to: no f32 tensor and no parameter';
  return new TypeError(withHelp(`${problem}. ${remedy}`, 'missing-parameters'));
}

/**
 * Makes a check for a tape that differentiates with respect to modules: every `Parameter` that an op uses must be
 * known. One that is not known, since it is in a private field for example, would never be trained.
 *
 * @param rest Further arguments of the differentiated function. Their parameters are constants on purpose.
 * @returns Null if there is no module among the parameters: a list of tensors is taken to be complete.
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
      // This is rare, so parameters of further arguments are looked up only now.
      if (!isComplete) for (const constant of flattenAll(rest).values()) known.add(constant);
      isComplete = true;
      if (known.has(input)) continue;
      const parameter = input.label ?? `a parameter of shape [${input.shape}]`;
      const problem =
        `${parameter} is used by ${name}, but ${module.constructor.name} does not list it, so it would not be trained. ` +
        'Keep it, or its module, in a public field that is set in the constructor, not in a private one (#weight) or a closure. ' +
        'If it should not be trained, pass it to the differentiated function as a further argument, or use it in noGradient(() => …).';
      throw new GradientError(withHelp(problem, 'missing-parameters'));
    }
  };
}
