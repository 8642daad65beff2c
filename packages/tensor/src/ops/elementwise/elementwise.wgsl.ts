import { memoize, memoizeByIdentity } from '../../backends/memoize.js';
import { type ElementType, elementAt, valueType, wordsOfElements } from '../../backends/webgpu/elements.js';
import { groupsOf, linearWorkgroup, Shader, storeElements } from '../../backends/webgpu/shader.js';
import type { DType } from '../../dtype.js';
import { MissingKernelError } from '../../errors.js';
import { shareMemory } from '../../handles.js';
import { sameShape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { collapsedAxes } from './broadcast.js';
import { kernelName } from './kernel-name.js';

/** The part of an element-wise op that a GPU needs. */
export interface MapDefinition {
  /** The name of the op. */
  readonly name: string;
  /** Names of the operands in `wgsl`, as in `Elementwise`. */
  readonly operands: readonly string[];
  /** Names of f32 parameters, `p.name` in `wgsl`. Default: none. */
  readonly numbers?: readonly string[];
  /** An element of the result, as an expression in WGSL. It may call `flushed`. */
  readonly wgsl: string;
  /** Functions in WGSL that `wgsl` calls. Default: none. */
  readonly functions?: string;
  /** Element types of operands and result. Default: f32 and i32, since narrower integers would have to be truncated. */
  readonly dtypes?: readonly DType[];
}

/** Runs an element-wise op on the GPU. The shader of a definition is made when it is first needed, then kept. */
export function mapOnGpu(
  definition: MapDefinition,
  operands: readonly Tensor<DType>[],
  y: Tensor<DType>,
  numbers?: Readonly<Record<string, number>>,
): void {
  shaderOf(definition).run(operands, y, numbers);
}

const shaderOf = memoizeByIdentity((definition: MapDefinition) => new MapShader(definition));

/**
 * y = f(a, b, …), element by element, with broadcasting.
 *
 * The shader finds the operands of an element from its index, axis by axis. Neighboring axes are joined where all
 * operands allow it, so tensors of one shape have a single axis.
 */
export class MapShader {
  readonly #definition: MapDefinition;
  readonly #shaderFor: (
    axes: number,
    inPlace: string,
    result: ElementType,
    ...operands: ElementType[]
  ) => Shader<Record<string, ElementType>, { result: ElementType }, Record<string, 'f32' | 'u32'>>;

  constructor(definition: MapDefinition) {
    this.#definition = definition;
    this.#shaderFor = memoize((axes, inPlace, result, ...operands) =>
      this.#make(axes, inPlace.split(' '), result, operands),
    );
  }

  run(operands: readonly Tensor<DType>[], y: Tensor<DType>, numbers: Readonly<Record<string, number>> = {}): void {
    const { name, operands: names, dtypes = ['f32', 'i32'] } = this.#definition;
    const [result, ...types] = [y, ...operands].map(({ dtype }) => {
      if (dtypes.includes(dtype)) return dtype;
      throw new MissingKernelError(`${name} of ${dtype}`);
    });
    const shapes = operands.map(({ shape }) => shape);
    const axes = collapsedAxes(y.shape, shapes);
    const parameters: Record<string, number> = { ...numbers, count: y.size };
    axes.forEach(({ size, strides }, axis) => {
      parameters[`size${axis}`] = size;
      strides.forEach((stride, k) => {
        parameters[`stride${axis}_${names[k]}`] = stride;
      });
    });
    // A buffer that the kernel writes is bound only once, and its elements are read there.
    const isInPlace = operands.map((x) => shareMemory(x, y) && x.dtype === y.dtype && sameShape(x.shape, y.shape));
    const reads = Object.fromEntries(
      operands.flatMap((operand, k) => (isInPlace[k] ? [] : [[`of_${names[k]}`, operand]])),
    );
    const inPlace = names.filter((_, k) => isInPlace[k]).join(' ');
    this.#shaderFor(axes.length, inPlace, result, ...types).run(
      reads,
      { result: y },
      parameters,
      groupsOf(wordsOfElements(result, y.size)),
    );
  }

  /** @param inPlace The operands that are overwritten by the result. */
  #make(axes: number, inPlace: readonly string[], result: ElementType, types: readonly ElementType[]) {
    const { name, operands, numbers = [], wgsl, functions = '' } = this.#definition;
    const parameters: Record<string, 'f32' | 'u32'> = { count: 'u32' };
    for (const number of numbers) parameters[number] = 'f32';
    for (let axis = 0; axis < axes; axis++) {
      parameters[`size${axis}`] = 'u32';
      for (const operand of operands) parameters[`stride${axis}_${operand}`] = 'u32';
    }
    const load = (operand: string, k: number): string =>
      inPlace.includes(operand)
        ? elementAt('result', result, 'i')
        : elementAt(`of_${operand}`, types[k], positionOf(operand, axes));
    return new Shader(`${kernelName(name)}_${axes}${inPlace[0] ? '_in_place' : ''}`, {
      reads: Object.fromEntries(
        operands.flatMap((operand, k) => (inPlace.includes(operand) ? [] : [[`of_${operand}`, types[k]]])),
      ),
      writes: { result },
      parameters,
      workgroup: linearWorkgroup,
      declarations: `fn flushed(value: f32) -> f32 { return ${flushedWgsl('value')}; }
${functions}
fn elementOf(i: u32) -> ${valueType(result)} {
  ${odometer(axes)}
  ${operands.map((operand, k) => `let ${operand} = ${load(operand, k)};`).join('\n  ')}
  return ${wgsl};
}`,
      main: storeElements('result', result),
    });
  }
}

/** WGSL that splits the index `i` of an element into positions `at0`, `at1`, … along axes of `p.size0`, `p.size1`, … */
export function odometer(axes: number): string {
  const lines = ['var rest = i;'];
  for (let axis = axes - 1; axis >= 0; axis--) {
    lines.push(`let at${axis} = ${axis === 0 ? 'rest' : `rest % p.size${axis}`};`);
    if (axis > 0) lines.push(`rest = rest / p.size${axis};`);
  }
  return lines.join('\n  ');
}

/** WGSL for the index of an operand's element. */
export function positionOf(name: string, axes: number): string {
  return Array.from({ length: axes }, (_, axis) => `at${axis} * p.stride${axis}_${name}`).join(' + ') || '0';
}

/**
 * WGSL for `flushed` of flush.ts. Drivers may flush subnormal numbers or keep them. The limit is far above these, so
 * GPUs and CPUs agree.
 *
 * @example
 * ```ts
 * import { flushedWgsl } from '@mobinet/tensor/kernels';
 *
 * console.log(flushedWgsl('dx'));
 * // → select(dx, 0.0, abs(dx) < 1e-30)
 * ```
 */
export const flushedWgsl = (x: string): string => `select(${x}, 0.0, abs(${x}) < 1e-30)`;
