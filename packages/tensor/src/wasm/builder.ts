import type { Code } from './encoding.js';

/** The function under construction. Calling a statement appends its code. */
interface FunctionBuilder {
  readonly locals: { readonly type: ValueType; readonly name: string }[];
  code: Code[];
  /** The number of enclosing blocks. */
  depth: number;
}

/** The types of WebAssembly values. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

let current: FunctionBuilder | null = null;

function builder(): FunctionBuilder {
  if (current === null) throw new Error('WebAssembly statements are only allowed inside a function body');
  return current;
}

/** Appends instructions to the function under construction. */
export function emit(...code: Code): void {
  builder().code.push(code);
}

/** Adds a local variable, and returns its index. The name appears in the disassembly. */
export function addLocal(type: ValueType, name: string): number {
  return builder().locals.push({ type, name }) - 1;
}

/** Returns the code that `body` emits, instead of appending it. `label` identifies the block around it. */
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

/** The operand of a branch to the block with this label: the number of blocks in between. */
export function distanceTo(label: number): number {
  return builder().depth - label;
}

/** A finished function. */
export interface BuiltFunction {
  /** All locals, the parameters first. */
  readonly locals: readonly { readonly type: ValueType; readonly name: string }[];
  readonly code: Code;
}

/** Builds a function from everything that `body` emits. */
export function buildFunction(body: () => void): BuiltFunction {
  if (current !== null) throw new Error('a WebAssembly function cannot be built inside another');
  current = { locals: [], code: [], depth: 0 };
  try {
    body();
    return current;
  } finally {
    current = null;
  }
}
