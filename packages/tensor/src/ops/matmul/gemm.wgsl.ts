import { memoize } from '../../backends/memoize.js';
import { bitsInWord, type ElementType, elementsPerWord, isNarrow } from '../../backends/webgpu/elements.js';
import { Shader } from '../../backends/webgpu/shader.js';
import type { Handle } from '../../handle.js';
import type { ProductSize } from './gemm.wasm.js';

/**
 * A matrix product on a GPU, C = A·B for A [m, k] and B [k, n]. WGSL expressions provide the elements of A and B, so
 * convolutions, their gradients and products of bits all use this kernel.
 *
 * A workgroup computes a tile of C. It reads a strip of A and one of B, each 16 deep, into workgroup memory. Each of
 * its 16×16 invocations takes four (or eight) rows of A's strip and as many columns of B's, and adds their products to
 * sums in its registers. Then the next pair of strips follows. An element that is read once serves a whole row or
 * column of the tile.
 */
interface GemmDefinition<R extends string, P extends string> {
  readonly name: string;
  readonly reads: Readonly<Record<R, ElementType>>;
  /** The element type of C. If it is narrow, an invocation has four neighboring columns, and n is a multiple of 4. */
  readonly result: ElementType;
  /** Parameters besides `m`, `n`, `k`, `depth` and `splits`. */
  readonly parameters: Readonly<Record<P, 'u32' | 'i32' | 'f32'>>;
  /** The elements of A and B: numbers, or words of bits. */
  readonly element: 'f32' | 'u32';
  /** WGSL functions that the code below calls. */
  readonly declarations?: string;
  /**
   * WGSL expressions for A at (row, step) and B at (step, column), which are only evaluated for indices below m, n and
   * k. `batch` is the index of the product if there are several.
   */
  readonly a: string;
  readonly b: string;
  /**
   * Whether steps along k are contiguous in memory. Otherwise the rows of A, or the columns of B, are. Neighboring
   * invocations read along the contiguous axis, so that memory accesses coalesce.
   */
  readonly aAlongSteps: boolean;
  readonly bAlongSteps: boolean;
  /** The number of the matrix C that is written, where there are several. Default: 0. */
  readonly matrix?: string;
  /** What is stored in C at (row, column), as an expression of the sum `value`. Default: `value`. */
  readonly stored?: string;
}

/** Rows and columns of invocations in a workgroup, and steps of a strip. */
const side = 16;

/** Adds a product to a sum: multiply-adds of numbers, or the count of bits that differ. */
const products = {
  f32: (sum: string, a: string, b: string) => `${sum} = fma(vec4f(${a}), ${b}, ${sum});`,
  u32: (sum: string, a: string, b: string) => `${sum} += countOneBits(vec4u(${a}) ^ ${b});`,
};

/** The shaders of a matrix product, compiled for large and for small tiles when first needed. */
export class GemmShader<R extends string, P extends string> {
  /** By the number of rows and columns per invocation, divided by four. Large matrices take large tiles. */
  readonly #shader = memoize((fours: number) => this.#make(fours));

  constructor(readonly definition: GemmDefinition<R, P>) {}

  /**
   * Computes C = A·B.
   *
   * @param options.batches Number of products, which the WGSL tells apart by `batch`. Default 1.
   * @param options.splits Splits the k steps into this many parts, each of which makes a C of its own, number `split`
   * in the WGSL. A product of few rows and columns and many steps would otherwise keep few workgroups busy. Default 1.
   */
  run(
    { m, n, k }: ProductSize,
    reads: Readonly<Record<R, Handle>>,
    c: Handle,
    parameters: Readonly<Record<P, number>>,
    { batches = 1, splits = 1 }: { batches?: number; splits?: number } = {},
  ): void {
    const fours = m >= 512 && n >= 128 ? 2 : 1;
    const tile = 4 * fours * side;
    const depth = Math.ceil(k / splits / side) * side;
    this.#shader(fours).run(reads as Record<string, Handle>, { c }, { ...parameters, m, n, k, depth, splits }, [
      Math.ceil(m / tile),
      Math.ceil(n / tile),
      batches * splits,
    ]);
  }

  #make(fours: number) {
    const {
      name,
      reads,
      result,
      parameters,
      element,
      declarations = '',
      a,
      b,
      aAlongSteps,
      bAlongSteps,
      matrix = '0u',
      stored = 'value',
    } = this.definition;
    const isPacked = isNarrow(result);
    const vec = element === 'f32' ? 'vec4f' : 'vec4u';
    const width = side * fours;
    // If a strip is read along steps, neighboring invocations write the same line of different steps, and all of these
    // would lie in one memory bank. To avoid these conflicts, each step stores its lines in a different order.
    const place = (alongSteps: boolean, four: string): string =>
      `step * ${width}u + ${alongSteps ? `((${four}) ^ (step & 7u))` : four}`;
    const parts = Array.from({ length: fours }, (_, part) => part);
    const rows = Array.from({ length: 4 * fours }, (_, row) => row);
    /**
     * The row (or column) of a tile in a lane of an invocation's vector. Neighboring invocations have neighboring rows
     * (or columns), so that they read and store contiguous memory.
     */
    const lineOf = (part: number, lane: number): number => part * side + lane * width;
    /** The first column of a vector, and the distance of the others. Narrow results that share a word are neighbors. */
    const [columnOf, columnStep] = isPacked ? [(four: string) => `4u * (${four})`, 1] : [(four: string) => four, width];
    /** WGSL that reads a strip. Each invocation reads one vector of four elements, or two of them. */
    const load = (strip: string, alongSteps: boolean): string =>
      parts
        .map((part) => {
          const at = `(lane + ${part * side * side}u)`;
          const [step, four] = alongSteps
            ? [`${at} % ${side}u`, `${at} / ${side}u`]
            : [`${at} / ${width}u`, `${at} % ${width}u`];
          const [line, next] =
            strip === 'a'
              ? [`${width * 4}u * group.x + four`, width]
              : [`${width * 4}u * group.y + ${columnOf('four')}`, columnStep];
          return `{
      let step = ${step};
      let four = ${four};
      let line = ${line};
      ${strip}Strip[${place(alongSteps, 'four')}] = ${vec}(${[0, 1, 2, 3].map((lane) => `${strip}Of(line + ${lane * next}u, first + step)`).join(', ')});
    }`;
        })
        .join('\n    ');
    return new Shader(`${name}_${4 * width}`, {
      reads: reads as Record<string, ElementType>,
      writes: { c: result },
      parameters: { ...parameters, m: 'u32', n: 'u32', k: 'u32', depth: 'u32', splits: 'u32' } as Record<
        string,
        'u32' | 'i32' | 'f32'
      >,
      workgroup: [side, side],
      declarations: `
var<private> batch: u32;
var<private> split: u32;
var<private> end: u32;
var<workgroup> aStrip: array<${vec}, ${side * width}>;
var<workgroup> bStrip: array<${vec}, ${side * width}>;
${declarations}
fn aOf(row: u32, step: u32) -> ${element} {
  if (row >= p.m || step >= end) { return ${element}(0); }
  return ${a};
}
fn bOf(column: u32, step: u32) -> ${element} {
  if (column >= p.n || step >= end) { return ${element}(0); }
  return ${b};
}
${isPacked ? putFour(result, element, matrix, stored) : putOne(element, matrix, stored)}`,
      main: `
  batch = group.z / p.splits;
  split = group.z % p.splits;
  // Barriers need uniform control flow, so the bounds of the loop must not come from private variables.
  let start = (group.z % p.splits) * p.depth;
  let last = min(p.k, start + p.depth);
  end = last;
  ${rows.map((row) => parts.map((part) => `var sum${row}_${part} = ${vec}();`).join(' ')).join('\n  ')}
  for (var first = start; first < last; first += ${side}u) {
    ${load('a', aAlongSteps)}
    ${load('b', bAlongSteps)}
    workgroupBarrier();
    for (var step = 0u; step < ${element === 'u32' ? `min(${side}u, last - first)` : `${side}u`}; step++) {
      ${parts.map((part) => `let a${part} = aStrip[${place(aAlongSteps, `local.y + ${part * side}u`)}];`).join('\n      ')}
      ${parts.map((part) => `let b${part} = bStrip[${place(bAlongSteps, `local.x + ${part * side}u`)}];`).join('\n      ')}
      ${rows
        .map((row) =>
          parts.map((part) => products[element](`sum${row}_${part}`, `a${row >> 2}[${row & 3}]`, `b${part}`)).join(' '),
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  let row = ${width * 4}u * group.x + local.y;
  let column = ${width * 4}u * group.y;
  ${rows
    .flatMap((row) =>
      parts.map((part) => {
        const line = `row + ${lineOf(row >> 2, row & 3)}u`;
        const first = `column + ${columnOf(`local.x + ${part * side}u`)}`;
        if (isPacked) return `put(${line}, ${first}, sum${row}_${part});`;
        return [0, 1, 2, 3]
          .map((lane) => `put(${line}, ${first} + ${lane * columnStep}u, sum${row}_${part}[${lane}]);`)
          .join(' ');
      }),
    )
    .join('\n  ')}`,
    });
  }
}

/** WGSL that stores an element. */
const putOne = (element: string, matrix: string, stored: string): string => `
fn put(row: u32, column: u32, value: ${element}) {
  if (row >= p.m || column >= p.n) { return; }
  c[(${matrix} * p.m + row) * p.n + column] = ${stored};
}`;

/** WGSL that stores four neighboring elements, in one word or in two. */
function putFour(result: ElementType, element: string, matrix: string, stored: string): string {
  const perWord = elementsPerWord(result);
  const bits = (lane: number): string => bitsInWord(result, `stored(row, column, values[${lane}])`, `${lane}u`);
  const words = Array.from({ length: 4 / perWord }, (_, word) => {
    const lanes = Array.from({ length: perWord }, (_, lane) => word * perWord + lane);
    return `c[at + ${word}u] = ${lanes.map(bits).join(' | ')};`;
  });
  return `
fn stored(row: u32, column: u32, value: ${element}) -> i32 { return ${stored}; }
fn put(row: u32, column: u32, values: vec4<${element}>) {
  if (row >= p.m || column >= p.n) { return; }
  let at = ((${matrix} * p.m + row) * p.n + column) / ${perWord}u;
  ${words.join('\n  ')}
}`;
}
