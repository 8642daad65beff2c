import { quote, shown } from '../../check.js';
import { type Operand, ShapeError } from '../../errors.js';
import type { Shape } from '../../shape.js';

/** The labels of the axes of a tensor: a letter of the equation, or `...k` for axis k of the ellipsis, from its end. */
export type Labels = readonly string[];

/** An equation of `einsum`, for operands of given shapes. */
export interface Equation {
  /** The labels of each operand. */
  readonly operands: readonly Labels[];
  readonly output: Labels;
}

/**
 * Reads an equation such as `ij,jk->ik`, and checks that the operands fit it.
 *
 * @throws TypeError if it is not a string; RangeError if it is malformed; ShapeError if an operand does not fit.
 */
export function readEquation(equation: string, shapes: readonly Shape[]): Equation {
  if (typeof equation !== 'string') {
    throw new TypeError(`einsum: the equation must be a string such as 'ij,jk->ik', not ${shown(equation)}`);
  }
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->');
  if (more.length > 0) throw malformed(equation, 'has more than one "->"');
  const terms = left.split(',').map((term) => readTerm(equation, term));
  if (terms.length !== shapes.length) {
    const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
    throw malformed(equation, `has ${count(terms.length, 'term')}, for ${count(shapes.length, 'tensor')}`);
  }
  const operands = terms.map((term, index) => labelsOf(term, index, equation, shapes));
  checkSizes(equation, operands, shapes);
  return {
    operands,
    output: right === undefined ? implicitOutput(operands) : explicitOutput(equation, right, operands),
  };
}

/** A term: the letters before and after an ellipsis. Without one, all letters come before it. */
interface Term {
  readonly before: string;
  readonly hasEllipsis: boolean;
  readonly after: string;
}

function readTerm(equation: string, term: string): Term {
  const parts = /^([a-z]*)(\.\.\.)?([a-z]*)$/i.exec(term);
  if (parts === null) {
    throw malformed(equation, `has the term ${quote(term)}. A term consists of letters, and at most one "..."`);
  }
  const [, before, ellipsis, after] = parts;
  return { before, hasEllipsis: ellipsis !== undefined, after };
}

function labelsOf(term: Term, index: number, equation: string, shapes: readonly Shape[]): Labels {
  const { before, hasEllipsis, after } = term;
  const letters = before.length + after.length;
  const { length: rank } = shapes[index];
  if (hasEllipsis ? letters > rank : letters !== rank) {
    const axes = `${hasEllipsis ? 'at least ' : ''}${letters} ${letters === 1 ? 'axis' : 'axes'}`;
    throw new ShapeError(
      'einsum',
      `in ${quote(equation)}, tensor ${index} has ${axes}, not ${rank}`,
      operandsOf(shapes),
      hasEllipsis ? undefined : 'An ellipsis, "...", stands for any number of axes.',
    );
  }
  return [...before, ...ellipsisLabels(rank - letters), ...after];
}

const ellipsisLabels = (count: number): Labels => Array.from({ length: count }, (_, axis) => `...${count - 1 - axis}`);

const isLetter = (label: string): boolean => label.length === 1;

/** Axes with the same label must have the same size, or in different tensors also size 1, which is repeated. */
function checkSizes(equation: string, operands: readonly Labels[], shapes: readonly Shape[]): void {
  const sizes = new Map<string, number>();
  operands.forEach((labels, index) => {
    labels.forEach((label, axis) => {
      const size = shapes[index][axis];
      const known = sizes.get(label) ?? 1;
      const first = shapes[index][labels.indexOf(label)];
      const name = isLetter(label) ? quote(label) : 'an axis of "..."';
      if (size !== first || (size !== known && size !== 1 && known !== 1)) {
        throw new ShapeError(
          'einsum',
          `in ${quote(equation)}, ${name} has sizes ${size === first ? known : first} and ${size}`,
          operandsOf(shapes),
          size === first ? 'One of them must be 1, or they must be equal.' : 'The axes of a diagonal must be equal.',
        );
      }
      if (known === 1) sizes.set(label, size);
    });
  });
}

/** Without "->", the axes of the ellipsis, and then the letters that occur once, in the order of the alphabet. */
function implicitOutput(operands: readonly Labels[]): Labels {
  const all = operands.flat();
  const once = all.filter((label) => isLetter(label) && all.indexOf(label) === all.lastIndexOf(label));
  return [...ellipsisOf(operands), ...once.toSorted()];
}

function explicitOutput(equation: string, text: string, operands: readonly Labels[]): Labels {
  const { before, hasEllipsis, after } = readTerm(equation, text);
  const letters = [...before, ...after];
  const repeated = letters.find((letter, at) => letters.indexOf(letter) !== at);
  if (repeated !== undefined) throw malformed(equation, `repeats ${quote(repeated)} in its result`);
  const unknown = letters.find((letter) => !operands.some((labels) => labels.includes(letter)));
  if (unknown !== undefined) throw malformed(equation, `has ${quote(unknown)} in its result, but in no term before it`);
  return [...before, ...(hasEllipsis ? ellipsisOf(operands) : []), ...after];
}

/** All axes that the ellipses of the operands stand for. */
function ellipsisOf(operands: readonly Labels[]): Labels {
  return ellipsisLabels(Math.max(0, ...operands.map((labels) => labels.filter((label) => !isLetter(label)).length)));
}

const operandsOf = (shapes: readonly Shape[]): Operand[] =>
  shapes.map((shape, index) => ({ name: `tensor ${index}`, shape }));

function malformed(equation: string, problem: string): RangeError {
  return new RangeError(`einsum: the equation ${quote(equation)} ${problem}`);
}
