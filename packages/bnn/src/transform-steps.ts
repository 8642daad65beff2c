/** A step of an output transform. Its operand is a number per channel or, for `skip`, a tensor; `relu` has none. */
export type TransformStep = 'scale' | 'shift' | 'prelu' | 'relu' | 'skip';

/** The arithmetic of steps on numbers, on lanes of a vector or on WGSL expressions. A skip is added as a shift is. */
export interface StepArithmetic<T> {
  scale(x: T, factor: T): T;
  shift(x: T, offset: T): T;
  prelu(x: T, slope: T): T;
  relu(x: T): T;
}

/** Where steps find their operands; each kind is numbered in the order of the steps. */
interface StepOperands<T> {
  vector(row: number): T;
  skip(index: number): T;
}

/** Returns a function that applies steps to x. Each call continues with the operands after those already used. */
export function stepper<T>(arithmetic: StepArithmetic<T>, { vector, skip }: StepOperands<T>) {
  let [row, index] = [0, 0];
  return (x: T, steps: readonly TransformStep[]): T =>
    steps.reduce((x, step) => {
      if (step === 'relu') return arithmetic.relu(x);
      return step === 'skip' ? arithmetic.shift(x, skip(index++)) : arithmetic[step](x, vector(row++));
    }, x);
}

/** Steps joined into one word, which kernels have in their names, and the inverse. */
export const stepsToKey = (steps: readonly TransformStep[]): string => steps.join('_');
export const keyToSteps = (key: string): TransformStep[] => (key ? key.split('_') : []) as TransformStep[];

/** Names of the parameters that take the operands of the `skip` steps. */
export const skipNames = (steps: readonly TransformStep[]): string[] =>
  steps.filter((step) => step === 'skip').map((_, index) => `skip${index}`);
