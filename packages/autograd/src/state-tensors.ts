import { type DType, FormatError, sameShape, type Tensor } from '@mobinet/tensor/functions';
import { type AnyModule, walk } from './module.js';

/**
 * All tensors of a module, parameters and state of any dtype, each once under the first of its paths: what is saved.
 *
 * @example
 * ```ts
 * import { BatchNorm2d } from '@mobinet/autograd';
 * import { stateTensors } from '@mobinet/autograd/kernels';
 *
 * console.log([...stateTensors(new BatchNorm2d(3)).keys()].join(' '));
 * // → gamma beta runningMean runningVariance
 * ```
 */
export function stateTensors(module: AnyModule): Map<string, Tensor<DType>> {
  const named = new Map<Tensor<DType>, string>();
  walk(module, true, (path, tensor) => {
    if (!named.has(tensor)) named.set(tensor, path);
  });
  return new Map(Array.from(named, ([tensor, path]) => [path, tensor]));
}

/** How a file differs from a module: the names of tensors. */
export interface Misfits {
  /** Tensors of the module that the file lacks. */
  readonly missing: string[];
  /** Tensors of the file that the module does not have. */
  readonly extra: string[];
  /** Tensors that both have, but with another dtype or shape. */
  readonly different: string[];
}

type Tensors = ReadonlyMap<string, Pick<Tensor<DType>, 'dtype' | 'shape'>>;

/**
 * Compares the tensors of a file with those of a module, by name.
 *
 * @param own The tensors of the module.
 * @param saved The tensors of the file.
 * @example
 * ```ts
 * import { findMisfits } from '@mobinet/autograd/kernels';
 * import { zeros } from '@mobinet/tensor';
 *
 * const own = new Map([['weight', zeros([2, 3])], ['bias', zeros([2])]]);
 * const { missing, different } = findMisfits(own, new Map([['weight', zeros([3, 2])]]));
 * console.log(`${missing} is missing, ${different} is different`);
 * // → bias is missing, weight is different
 * ```
 */
export function findMisfits(own: Tensors, saved: Tensors): Misfits {
  const isDifferent = (name: string): boolean => {
    const [a, b] = [own.get(name)!, saved.get(name)!];
    return a.dtype !== b.dtype || !sameShape(a.shape, b.shape);
  };
  const names = [...own.keys()];
  return {
    missing: names.filter((name) => !saved.has(name)),
    extra: [...saved.keys()].filter((name) => !own.has(name)),
    different: names.filter((name) => saved.has(name) && isDifferent(name)),
  };
}

/**
 * The error for a file that does not fit a module: one line that lists all misfits, of each kind the first eight.
 *
 * @param misfits From `findMisfits`.
 * @param about What was compared.
 * @param about.own The tensors of the module, by name.
 * @param about.saved The tensors of the file, by name.
 * @param about.source The name of the file.
 * @param about.remedy What to do about it. Default: nothing is said.
 * @example
 * ```ts
 * import { findMisfits, misfitError } from '@mobinet/autograd/kernels';
 * import { zeros } from '@mobinet/tensor';
 *
 * const [own, saved] = [new Map([['w', zeros([2])]]), new Map([['w', zeros([3])]])];
 * console.log(misfitError(findMisfits(own, saved), { own, saved, source: 'weights' }).message);
 * // → weights: tensor w is f32 [3], but the network has f32 [2]
 * ```
 */
export function misfitError(
  { missing, extra, different }: Misfits,
  { own, saved, source, remedy }: { own: Tensors; saved: Tensors; source: string; remedy?: string },
): FormatError {
  const spec = ({ dtype, shape }: { dtype: DType; shape: readonly number[] }) => `${dtype} [${shape}]`;
  const listed = different.slice(0, listLimit).map((name) => {
    return `tensor ${name} is ${spec(saved.get(name)!)}, but the network has ${spec(own.get(name)!)}`;
  });
  const rest = different.length - listed.length;
  const problems = [
    ...listed,
    ...(rest > 0 ? [`${rest} more ${rest === 1 ? 'has' : 'have'} another dtype or shape`] : []),
    ...(missing.length > 0 ? [`${enumerate(missing)} ${missing.length === 1 ? 'is' : 'are'} missing`] : []),
    ...(extra.length > 0
      ? [`${enumerate(extra)} ${extra.length === 1 ? 'does' : 'do'} not belong to this network`]
      : []),
  ];
  // Names come from the file, so they may contain line breaks.
  const line = `${source}: ${problems.join('; ')}`.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
  return new FormatError(remedy === undefined ? line : `${line}. ${remedy}`);
}

const listLimit = 8;

function enumerate(names: readonly string[]): string {
  if (names.length === 1) return `tensor ${names[0]}`;
  const listed = names.slice(0, listLimit);
  const last = names.length > listed.length ? `${names.length - listed.length} more` : listed.pop();
  return `tensors ${listed.join(', ')} and ${last}`;
}
