import { readFileSync } from 'node:fs';
import * as tensorFunctions from '@mobinet/tensor';
import { type DType, mul, type Shape, sum, type Tensor, tensor } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect, test } from 'vitest';
import * as autogradFunctions from '../index.js';

/** A tensor in JSON. NaN and infinities are words. */
interface Written {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly values: readonly (number | 'nan' | 'inf' | '-inf')[];
}

interface Case {
  /** The name of an exported function, or a name in the table of a test. */
  readonly name: string;
  readonly inputs: readonly Written[];
  /** What the function takes after the tensors. */
  readonly arguments: readonly unknown[];
  readonly y: Written;
  readonly dy?: Written;
  /** With respect to each f32 input. */
  readonly gradients?: readonly (Written | null)[];
  readonly note?: string;
}

/** A function of tensors, followed by the other arguments of a case. */
export type Compared = (...inputs: never[]) => Tensor<DType>;

/**
 * Declares a test for each case of a family that a script in `scripts/torch_fixtures` has recorded: our value and our
 * gradients are those of PyTorch in double precision, to 1e-5 of the largest element, on fast kernels and definitions.
 *
 * @param functions The functions of cases that are not named after an export of tensor or autograd.
 */
export function compareWithTorch(family: string, functions: Readonly<Record<string, Compared>> = {}): void {
  const url = new URL(`../../fixtures/torch/${family}.json`, import.meta.url);
  const { cases } = JSON.parse(readFileSync(url, 'utf8')) as { cases: Case[] };
  const exported = { ...tensorFunctions, ...autogradFunctions } as unknown as Record<string, Compared>;
  describe.each(['fast', 'reference'] as const)(`${family} as in PyTorch (%s)`, (tier) => {
    test.each(cases.map((it, at) => [at, describeCase(it), it] as const))('%i %s', (_at, _title, it) => {
      const f = (functions[it.name] ?? exported[it.name]) as (...given: unknown[]) => Tensor;
      expect(f, `${it.name} is not exported`).toBeTypeOf('function');
      const inputs = it.inputs.map(read);
      withKernels(tier, () => {
        expectClose('y', f(...inputs, ...it.arguments), it.y);
        if (!it.gradients) return;
        const floats = inputs.filter(({ dtype }) => dtype === 'f32') as Tensor[];
        const dy = read(it.dy!) as Tensor;
        const loss = (given: Tensor[]): Tensor => {
          let next = 0;
          const all = inputs.map((input) => (input.dtype === 'f32' ? given[next++] : input));
          return sum(mul(f(...all, ...it.arguments), dy));
        };
        const found = autogradFunctions.gradient(loss)(floats);
        it.gradients.forEach((expected, at) => {
          if (expected) expectClose(`the gradient of input ${at}`, found[at], expected);
        });
      });
    });
  });
}

const describeCase = ({ name, inputs, arguments: rest, note }: Case): string =>
  [
    `${name}(${[...inputs.map(({ shape }) => `[${shape}]`), ...rest.map((it) => JSON.stringify(it))].join(', ')})`,
    ...(note === undefined ? [] : [note]),
  ].join(': ');

const words = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY };

const numbersOf = ({ values }: Written): number[] =>
  values.map((value) => (typeof value === 'number' ? value : words[value]));

const read = (written: Written): Tensor<DType> =>
  tensor(numbersOf(written), { dtype: written.dtype, shape: written.shape });

function expectClose(what: string, found: Tensor<DType>, expected: Written): void {
  expect({ dtype: found.dtype, shape: [...found.shape] }, what).toEqual({
    dtype: expected.dtype,
    shape: [...expected.shape],
  });
  const numbers = numbersOf(expected);
  const finite = numbers.filter(Number.isFinite).map(Math.abs);
  const tolerance = expected.dtype === 'f32' ? 1e-5 * Math.max(...finite, 1e-3) : 0;
  const wrong = numbers.flatMap((number, at) => {
    const value = found.values[at];
    return Object.is(value, number) || value === number || Math.abs(value - number) <= tolerance
      ? []
      : [`${at}: ${value}, not ${number}`];
  });
  expect(wrong, what).toEqual([]);
}
