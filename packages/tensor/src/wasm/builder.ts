import type { Code } from './encoding.js';

/** The function that is being written. Statements are added to it in the order in which they are called. */
interface FunctionBuilder {
  readonly locals: { readonly type: ValueType; readonly name: string }[];
  code: Code[];
  /** Labels that a branch could leave, counted from the outermost. */
  depth: number;
}

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

let current: FunctionBuilder | null = null;

function builder(): FunctionBuilder {
  if (current === null) throw new Error('WebAssembly statements can be written only inside a function body');
  return current;
}

/** Adds instructions to the function that is being written. */
export function emit(...code: Code): void {
  builder().code.push(code);
}

/** One more local variable; returns its index. Names are for readers of the disassembly. */
export function addLocal(type: ValueType, name: string): number {
  return builder().locals.push({ type, name }) - 1;
}

/** What `body` emits, apart from what was written before. `label` names the block that it stands in. */
export function capture(body: (label: number) => void): Code {
  const target = builder();
  const outer = target.code;
  target.code = [];
  target.depth++;
  try {
    body(target.depth);
    return target.code;
  } finally {
    target.code = outer;
    target.depth--;
  }
}

/** How many blocks lie between here and the block of that label: what a branch counts by. */
export function distanceTo(label: number): number {
  return builder().depth - label;
}

export interface BuiltFunction {
  /** All locals, the parameters first. */
  readonly locals: readonly { readonly type: ValueType; readonly name: string }[];
  readonly code: Code;
}

/** Writes one function: everything that `body` emits. */
export function buildFunction(body: () => void): BuiltFunction {
  if (current !== null) throw new Error('a WebAssembly function cannot be written inside another');
  current = { locals: [], code: [], depth: 0 };
  try {
    body();
    return current;
  } finally {
    current = null;
  }
}
