import { addLocal, emit, type ValueType } from './builder.js';
import { type Code, unsigned } from './encoding.js';

/**
 * Typed expressions. An expression is the code that leaves one value on the stack; its class says of which type, and which
 * instructions take it. So a kernel reads like the formula, and TypeScript checks that its types fit:
 *
 *     sum.set(sum.add(a.mul(b)))
 *
 * An expression runs wherever it is used, and as often. What should be calculated once is put into a `variable`.
 * Instructions bear their names in https://webassembly.github.io/spec/core; where a name ends in `S` or `U`, integers count
 * as signed or unsigned.
 */
export abstract class Value {
  /** The instruction that writes such a value to memory. */
  abstract readonly storeInstruction: Code;

  constructor(readonly code: Code) {}
}

/** What is common to types of one kind. `Self` is the type itself: what most instructions take and give. */
export abstract class Kind<Self> extends Value {
  /** An instruction that takes this value, then others, and gives one of the same type. */
  protected give(instruction: Code, ...operands: readonly Value[]): Self {
    return new (this.constructor as new (code: Code) => Self)(sequence([this, ...operands], instruction));
  }
}

/** An instruction that takes these values. */
export function sequence(operands: readonly Value[], instruction: Code): Code {
  return [...operands.map(({ code }) => code), instruction];
}

/** A local variable: an expression that reads it, and can be set. */
export type Variable<V> = V & {
  /** Statement: from here on the variable has this value. */
  set(value: V): void;
};

/** What is known of a type: its constants, variables, and values in memory. */
export abstract class Type<V extends Value> {
  constructor(
    readonly name: ValueType,
    readonly of: new (code: Code) => V,
    readonly loadInstruction: Code,
  ) {}

  abstract const(value: number): V;

  /**
   * A variable, set to `initial` here and now; without it, to be set before it is read (a loop may have come by before).
   * @param name For readers of the disassembly.
   */
  variable(initial?: V | number, name = ''): Variable<V> {
    const index = unsigned(addLocal(this.name, name));
    const set = (value: V): void => emit(value.code, [0x21, ...index]);
    if (initial !== undefined) set(typeof initial === 'number' ? this.const(initial) : initial);
    return Object.assign(new this.of([0x20, ...index]), { set });
  }

  /** The value at address + offset bytes. */
  load(address: Value, offset = 0): V {
    return new this.of(sequence([address], [...this.loadInstruction, ...memoryArgument(offset)]));
  }
}

/** Alignment is but a hint, and left at one byte; the offset is part of the instruction. */
export function memoryArgument(offset: number): Code {
  return [0, ...unsigned(offset)];
}

/** Statement: writes a value to memory, at address + offset bytes. */
export function store(address: Value, value: Value, offset = 0): void {
  emit(address.code, value.code, value.storeInstruction, memoryArgument(offset));
}
