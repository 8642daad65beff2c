/** What a transform does to a number, with a number of its channel or (`skip`) one of another tensor; `relu` needs neither. */
export type TransformStep = 'scale' | 'shift' | 'prelu' | 'relu' | 'skip';

/** Steps on numbers, on lanes of a vector or on names in WGSL. A skip is a shift, too. */
export interface StepArithmetic<T> {
  scale(x: T, factor: T): T;
  shift(x: T, offset: T): T;
  prelu(x: T, slope: T): T;
  relu(x: T): T;
}

/** Where steps find their operands, each kind in the order of the steps. */
export interface StepOperands<T> {
  vector(row: number): T;
  skip(index: number): T;
}

/** A function that takes x through steps. Called again, it goes on with the operands that follow. */
export function stepper<T>(arithmetic: StepArithmetic<T>, { vector, skip }: StepOperands<T>) {
  let [row, index] = [0, 0];
  return (x: T, steps: readonly TransformStep[]): T =>
    steps.reduce((x, step) => {
      if (step === 'relu') return arithmetic.relu(x);
      return step === 'skip' ? arithmetic.shift(x, skip(index++)) : arithmetic[step](x, vector(row++));
    }, x);
}

/** Steps in a word, of which kernels have one in their names, and back. */
export const stepsToKey = (steps: readonly TransformStep[]): string => steps.join('_');
export const keyToSteps = (key: string): TransformStep[] => (key ? key.split('_') : []) as TransformStep[];
