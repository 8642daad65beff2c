import {
  type ElementType,
  groupsOf,
  linear,
  linearWorkgroup,
  Shader,
  shaderFamily,
} from '../../backends/webgpu/shader.js';
import type { DType } from '../../dtype.js';
import { MissingKernelError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { collapsedAxes } from './broadcast.js';

/** WGSL names of the operands of an expression, in order. */
const operandNames = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const;

/** What the elements of a dtype are on the GPU. */
export function elementType(dtype: DType): 'f32' | 'i32' | 'u32' {
  return dtype === 'f32' ? 'f32' : dtype === 'u32' || dtype === 'u8' ? 'u32' : 'i32';
}

/**
 * y = f(a, b, …), element by element, with broadcasting.
 *
 * Where an element of the result finds its operands is worked out from its number: axis by axis, of which neighbours are joined
 * where they can be, so that tensors of one shape have one axis.
 */
export class MapShader<P extends Readonly<Record<string, 'f32'>> = Record<never, never>> {
  readonly #family: (
    axes: number,
    result: ElementType,
    ...operands: ElementType[]
  ) => Shader<Record<string, ElementType>, { y: ElementType }, Record<string, 'f32' | 'u32'>>;

  /** @param expression WGSL in terms of the operands a, b, c, which are values, and of `p.name` for parameters. */
  constructor(
    readonly name: string,
    readonly expression: string,
    readonly parameters: P = {} as P,
    /** Element types that operands and results may have. Results of narrow integers would have to be truncated. */
    readonly dtypes: readonly DType[] = ['f32', 'i32'],
  ) {
    this.#family = shaderFamily((axes, result, ...operands) => this.#make(axes, result, operands));
  }

  run(operands: readonly Tensor<DType>[], y: Tensor<DType>, parameters: { readonly [K in keyof P]: number }): void {
    const types = [y, ...operands].map(({ dtype }) => {
      if (this.dtypes.includes(dtype)) return elementType(dtype);
      throw new MissingKernelError(`${this.name} of ${dtype}`);
    });
    const axes = collapsedAxes(
      y.shape,
      operands.map(({ shape }) => shape),
    );
    const [result, ...rest] = types;
    const shader = this.#family(axes.length, result, ...rest);
    const numbers: Record<string, number> = { ...parameters, count: y.size };
    axes.forEach(({ size, strides }, axis) => {
      numbers[`size${axis}`] = size;
      strides.forEach((stride, k) => {
        numbers[`stride${axis}_${operandNames[k]}`] = stride;
      });
    });
    const reads = Object.fromEntries(operands.map((operand, k) => [`of_${operandNames[k]}`, operand]));
    shader.run(reads, { y }, numbers, groupsOf(y.size));
  }

  #make(axes: number, result: ElementType, operands: readonly ElementType[]) {
    const names = operandNames.slice(0, operands.length);
    const parameters: Record<string, 'f32' | 'u32'> = { ...this.parameters, count: 'u32' };
    for (let axis = 0; axis < axes; axis++) {
      parameters[`size${axis}`] = 'u32';
      for (const name of names) parameters[`stride${axis}_${name}`] = 'u32';
    }
    return new Shader(`${this.name}_${axes}`, {
      reads: Object.fromEntries(names.map((name, k) => [`of_${name}`, operands[k]])) as Record<string, ElementType>,
      writes: { y: result },
      parameters,
      workgroup: linearWorkgroup,
      main: `
  ${linear('p.count')}
  ${odometer(axes)}
  ${names.map((name) => `let ${name} = of_${name}[${positionOf(name, axes)}];`).join('\n  ')}
  y[i] = ${this.expression};`,
    });
  }
}

/** WGSL that takes the number `i` of an element apart: `at0`, `at1`, … along axes `p.size0`, `p.size1`, … */
export function odometer(axes: number): string {
  const lines = ['var rest = i;'];
  for (let axis = axes - 1; axis >= 0; axis--) {
    lines.push(`let at${axis} = ${axis === 0 ? 'rest' : `rest % p.size${axis}`};`);
    if (axis > 0) lines.push(`rest = rest / p.size${axis};`);
  }
  return lines.join('\n  ');
}

/** WGSL for where an operand's element lies. */
export function positionOf(name: string, axes: number): string {
  return Array.from({ length: axes }, (_, axis) => `at${axis} * p.stride${axis}_${name}`).join(' + ') || '0';
}

/** x with 0 in place of what is tiny, as `flushed`: subnormal numbers are the driver's affair, but sums must agree. */
export const flushedWgsl = (x: string): string => `select(${x}, 0.0, abs(${x}) < 1e-30)`;
