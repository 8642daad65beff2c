import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as autogradFunctions from '@mobinet/autograd';
import * as tensorFunctions from '@mobinet/tensor';
import { type DType, sizeOf, Tensor, tensor, tidy } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';

// Evaluates every line of the tables in docs/semantics.md.

const functions = { ...tensorFunctions, ...autogradFunctions };

/** An expression, or a block with a `return`, and its value in words. */
interface Line {
  readonly code: string;
  readonly value: string;
}

const text = readFileSync(join(import.meta.dirname, '../docs/semantics.md'), 'utf8');

/** A `|` inside code would be written `\|`. */
const lines: Line[] = Array.from(text.matchAll(/^\| `(.*?)` \| (.*?) \|/gm), ([, code, value]) => ({ code, value }));

function evaluate(code: string): string {
  const body = code.startsWith('{') ? code : `return ${code}`;
  const operands = {
    x: tensor([1, 2, 3]),
    n: tensor([1, 2, 3], { dtype: 'i32' }),
    b: tensor([250, 5, 0], { dtype: 'u8' }),
  };
  const scope = { ...functions, ...operands };
  let value: string | undefined;
  try {
    tidy(() => {
      value = written(new Function(...Object.keys(scope), body)(...Object.values(scope)));
    });
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message.split('\n')[0]}`;
  }
  return value!;
}

function written(value: unknown): string {
  if (value instanceof Tensor) return `${value.dtype} ${nested(value)}`;
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([name, part]) => `${name}: ${written(part)}`)
      .join(', ')} }`;
  }
  return String(value);
}

/** The elements as nested lists; those of f32 with seven digits. */
function nested({ dtype, values, shape }: Tensor<DType>): string {
  const element = (value: number): string => {
    if (Object.is(value, -0)) return '-0';
    return String(dtype === 'f32' ? Number(value.toPrecision(7)) : value);
  };
  const list = ([size, ...inner]: readonly number[], at: number): string => {
    if (size === undefined) return element(values[at]);
    const step = sizeOf(inner);
    return `[${Array.from({ length: size }, (_, index) => list(inner, at + index * step)).join(', ')}]`;
  };
  return list(shape, 0);
}

describe('docs/semantics.md', () => {
  test('has lines in every table', () => {
    expect(lines.length).toBeGreaterThan(60);
  });

  test.each(lines)('$code is $value', ({ code, value }) => {
    const found = evaluate(code);
    // An error may be shortened.
    if (value.endsWith('…')) expect(`${found.slice(0, value.length - 1)}…`).toBe(value);
    else expect(found).toBe(value);
  });
});
