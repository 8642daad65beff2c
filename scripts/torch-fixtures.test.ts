import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportedOperations } from './lib/exported-operations.js';
import { root } from './lib/flags.js';

// Every operation and every loss is compared with PyTorch, by cases that scripts/torch_fixtures records.

/** What PyTorch has no counterpart of, or a different one. */
const notCompared: Readonly<Record<string, string>> = {
  bitConv2d: 'a convolution of packed signs, which its test compares with conv2d',
  bitConv2dFilterGradient: 'as bitConv2d',
  bitConv2dInputGradient: 'as bitConv2d',
  bitMatmul: 'a product of packed signs, which its test compares with matmul',
  packBits: 'bits are not a dtype of PyTorch',
  unpackBits: 'bits are not a dtype of PyTorch',
};

/** What has a gradient here, but none in PyTorch. */
const withoutGradientInTorch: Readonly<Record<string, string>> = {
  unique: 'PyTorch cannot differentiate it',
};

interface Case {
  readonly name: string;
  readonly inputs: readonly { readonly dtype: string }[];
  readonly y: { readonly dtype: string };
  readonly gradients?: readonly unknown[];
}

const folder = join(root, 'packages/autograd/fixtures/torch');

const cases = readdirSync(folder)
  // Those of optimizers are sequences of steps.
  .filter((file) => file !== 'optimizers.json')
  .flatMap((file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { cases: Case[] }).cases);

/** The cases of a function: their names start with it, and may go on after a comma. */
const casesOf = (operation: string): Case[] => cases.filter(({ name }) => name.split(',')[0] === operation);

describe('what PyTorch has recorded', () => {
  const functions = exportedOperations();

  test.each(functions.filter((name) => !(name in notCompared)))('has values of %s, and gradients', (name) => {
    const ofFloats = casesOf(name).filter(({ inputs }) => inputs.some(({ dtype }) => dtype === 'f32'));
    expect(ofFloats, 'cases with a float input').not.toHaveLength(0);
    const differentiable = ofFloats.filter(({ y }) => y.dtype === 'f32');
    if (differentiable.length === 0 || name in withoutGradientInTorch) return;
    expect(
      differentiable.filter(({ gradients }) => gradients?.some((gradient) => gradient !== null)),
      'cases with a gradient',
    ).not.toHaveLength(0);
  });

  test('has no exceptions that are not needed', () => {
    for (const name of Object.keys({ ...notCompared, ...withoutGradientInTorch })) expect(functions).toContain(name);
    for (const name of Object.keys(notCompared)) expect(casesOf(name)).toEqual([]);
    for (const name of Object.keys(withoutGradientInTorch)) {
      expect(casesOf(name).filter(({ gradients }) => gradients)).toEqual([]);
    }
  });
});
