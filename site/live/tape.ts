import {
  type AnyTensor,
  add,
  dispose,
  log,
  mul,
  type RecordedCall,
  type Recorder,
  scalar,
  square,
  type Tensor,
  tanh,
  withRecorder,
} from '@mobinet/tensor';

// The computation behind the cell `tape`: a function of a few numbers, recorded and walked back with the library's ops.

/** A function to differentiate. */
export interface Example {
  readonly formula: string;
  readonly inputs: readonly { readonly name: string; readonly value: number }[];
  compute(...inputs: Tensor[]): Tensor;
}

export const examples: readonly Example[] = [
  { formula: 'ln(x² + 1)', inputs: [{ name: 'x', value: 2 }], compute: (x) => log(add(square(x), 1)) },
  {
    formula: 'tanh(w·x + b)',
    inputs: [
      { name: 'w', value: 0.5 },
      { name: 'x', value: 2 },
      { name: 'b', value: -0.5 },
    ],
    compute: (w, x, b) => tanh(add(mul(w, x), b)),
  },
  {
    formula: 'x·(x + z)',
    inputs: [
      { name: 'x', value: 1.5 },
      { name: 'z', value: -0.5 },
    ],
    compute: (x, z) => mul(x, add(x, z)),
  },
];

/** A number of the computation: an input, or the output of a call. */
export interface Line {
  readonly name: string;
  readonly call: string;
  readonly value: number;
}

/** What is known after a step: how many lines have a value, the gradients found so far, and a sentence about it. */
export interface State {
  readonly computed: number;
  readonly gradients: ReadonlyMap<string, number>;
  /** The line that this step is about. */
  readonly line: string;
  readonly text: string;
}

export const shown = (x: number): string => String(Number(x.toFixed(3))).replace('-', '−');

/** Computes an example, one call after another, and its gradient, one call after another in the opposite order. */
export function record(example: Example, values: readonly number[]): { lines: Line[]; states: State[] } {
  const inputs = values.map((value) => scalar(value));
  const names = new Map(inputs.map(({ id }, index) => [id, example.inputs[index].name]));
  const constants = new Set<number>();
  const calls: RecordedCall[] = [];
  const recorder: Recorder = {
    record(call) {
      for (const { id, values } of call.inputs.filter(({ id }) => !names.has(id)) as Tensor[]) {
        constants.add(id);
        names.set(id, shown(values[0]));
      }
      names.set(call.output.id, 'uvst'[calls.length]);
      calls.push(call);
    },
  };
  const { id } = withRecorder(recorder, () => example.compute(...inputs));
  names.set(id, 'y');
  const nameOf = ({ id }: AnyTensor): string => names.get(id)!;

  const lines = [
    ...inputs.map((tensor) => ({ name: nameOf(tensor), call: 'input', value: tensor.values[0] })),
    ...calls.map(({ name, inputs, output }) => ({
      name: nameOf(output),
      call: `${name}(${inputs.map((input) => nameOf(input)).join(', ')})`,
      value: (output as Tensor).values[0],
    })),
  ];
  const states: State[] = lines.slice(inputs.length - 1).map((line, index) => ({
    computed: inputs.length + index,
    gradients: new Map(),
    line: line.name,
    text:
      index === 0
        ? 'The inputs are given.'
        : `Forward: ${line.name} = ${line.call} = ${shown(line.value)}. The tape keeps the call.`,
  }));

  const found = new Map([['y', 1]]);
  const all = { computed: lines.length };
  states.push({ ...all, gradients: new Map(found), line: 'y', text: 'Backward begins at the end: ∂y/∂y = 1.' });
  for (const { name, inputs, output, saved, gradient } of calls.toReversed()) {
    const outputName = nameOf(output);
    const dy = scalar(found.get(outputName)!);
    const terms = gradient!(dy, saved).flatMap((thunk, index) => {
      const input = nameOf(inputs[index]);
      if (!thunk || constants.has(inputs[index].id)) return [];
      const term = thunk().values[0];
      const earlier = found.get(input);
      found.set(input, (earlier ?? 0) + term);
      return [`∂y/∂${input} ${earlier === undefined ? '=' : `= ${shown(earlier)} +`} ${shown(term)}`];
    });
    const text = `Backward: the rule of ${name} gets ∂y/∂${outputName} = ${shown(found.get(outputName)!)} and gives ${terms.join(' and ')}.`;
    states.push({ ...all, gradients: new Map(found), line: outputName, text });
    dispose(dy);
  }
  dispose([inputs, calls.map(({ output }) => output)]);
  return { lines, states };
}
