import { addLocal, emit, type ValueType } from './builder.js';
import { type Code, unsigned } from './encoding.js';

/**
 * A typed expression: code that leaves one value on the stack. Its class determines the type of the value, and which
 * instructions accept it. A kernel therefore reads like its formula, and TypeScript checks the types:
 *
 *     sum.set(sum.add(a.mul(b)))
 *
 * An expression is evaluated each time it is used; store it in a `variable` to evaluate it once. Instructions have the
 * names of https://webassembly.github.io/spec/core. The suffixes `S` and `U` stand for signed and unsigned integers.
 */
export abstract class Value {
  /** The instruction that stores such a value in memory. */
  abstract get storeInstruction(): Code;

  // Only declared, because defining a field takes longer than setting it, and kernels consist of many values.
  /** The instructions that leave the value on the stack. */
  declare readonly code: Code;

  constructor(code: Code) {
    this.code = code;
  }
}

/** The base class of all types. `Self` is the type itself, which most instructions take and return. */
export abstract class Kind<Self> extends Value {
  /** Applies an instruction to this value and further operands. The result has the same type. */
  protected apply(instruction: Code, ...operands: readonly Value[]): Self {
    return new (this.constructor as new (code: Code) => Self)(sequence([this, ...operands], instruction));
  }
}

/** Applies an instruction to operands. */
export function sequence(operands: readonly Value[], instruction: Code): Code {
  // A plain loop, since a program that predicts one image spends more time on assembling kernels than on running them.
  const code: Code[] = [];
  for (const operand of operands) code.push(operand.code);
  code.push(instruction);
  return code;
}

/** A local variable: an expression that reads it, and a method that sets it. */
export type Variable<V> = V & {
  /** Statement: sets the variable. */
  set(value: V): void;
};

/** A type of values: creates constants and variables, and loads values from memory. */
export abstract class Type<V extends Value> {
  /**
   * @param name The name in WebAssembly's text format.
   * @param of The class of its values.
   * @param loadInstruction The instruction that loads such a value from memory.
   */
  constructor(
    readonly name: ValueType,
    readonly of: new (code: Code) => V,
    readonly loadInstruction: Code,
  ) {}

  /** A constant. */
  abstract const(value: number): V;

  /**
   * Statement: declares a variable.
   *
   * @param initial Assigned where the statement is. Without it the variable must be set before it is read: in a loop it
   * keeps the value of the previous iteration.
   * @param name The name in the disassembly.
   */
  variable(initial?: V | number, name = ''): Variable<V> {
    const index = unsigned(addLocal(this.name, name));
    const set = (value: V): void => emit(value.code, [0x21, ...index]);
    if (initial !== undefined) set(typeof initial === 'number' ? this.const(initial) : initial);
    return Object.assign(new this.of([0x20, ...index]), { set });
  }

  /** Loads the value at address + offset, in bytes. */
  load(address: Value, offset = 0): V {
    return new this.of(sequence([address], [this.loadInstruction, memoryArgument(offset)]));
  }
}

/** The immediates of a memory instruction. The alignment is only a hint, and always one byte here. */
export function memoryArgument(offset: number): Code {
  return [0, unsigned(offset)];
}

/**
 * Statement: stores a value at address + offset, in bytes.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.load(assemble('write', ['x'], privateMemory, (x) => store(i32.const(0), x, 8)))(42);
 * console.log(`${memory.words(0, 3)}`);
 * // → 0,0,42
 * ```
 */
export function store(address: Value, value: Value, offset = 0): void {
  emit(address.code, value.code, value.storeInstruction, memoryArgument(offset));
}
