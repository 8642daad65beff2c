import type { UnsharedBytes } from '../unshared-bytes.js';
import { addLocal, type BuiltFunction, buildFunction, type ValueType } from './builder.js';
import { type Code, flatten, section, sized, text, unsigned, vector } from './encoding.js';
import { type I32, I32 as I32Value } from './scalars.js';

const typeCodes: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** The type of the memory that a module imports as `env.memory`. */
export interface MemoryType {
  /** Whether several threads may share it. */
  readonly shared: boolean;
  /** The maximum size in pages of 64 KiB. */
  readonly maximumPages: number;
}

/**
 * Assembles a module with one exported function, `run`, which takes i32 parameters and returns nothing. It contains
 * neither data nor globals, so any number of instances, on any number of threads, may share one memory.
 *
 * @param name The function's name in the disassembly.
 * @param parameters The names of the parameters in the disassembly.
 * @param memory The size of the memory that the module imports, and whether threads share it.
 * @param body Emits the function's code.
 * @returns The bytes of the module.
 *
 * @example
 * ```ts
 * import { assemble, i32, PrivateMemory, privateMemory, store } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * const square = memory.load(assemble('square', ['x'], privateMemory, (x) => store(i32.const(0), x.mul(x))));
 * square(7);
 * console.log(memory.words(0, 1)[0]);
 * // → 49
 * ```
 */
export function assemble(
  name: string,
  parameters: readonly string[],
  memory: MemoryType,
  body: (...parameters: I32[]) => void,
): UnsharedBytes {
  const built = buildFunction(() => {
    body(...parameters.map((parameter) => new I32Value([0x20, ...unsigned(addLocal('i32', parameter))])));
  });
  const signature = [0x60, vector(parameters.map(() => typeCodes.i32)), 0x00];
  return flatten([
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
    section(1, vector([signature])),
    section(2, vector([[text('env'), text('memory'), 0x02, memoryLimits(memory)]])),
    section(3, vector([0])),
    section(7, vector([[text('run'), 0x00, 0x00]])),
    section(10, vector([functionCode(built, parameters.length)])),
    section(0, [text('name'), names(name, built)]),
  ]);
}

function memoryLimits({ shared, maximumPages }: MemoryType): Code {
  return [shared ? 0x03 : 0x01, 0x00, unsigned(maximumPages)];
}

function functionCode({ locals, code }: BuiltFunction, parameters: number): Code {
  const declarations = vector(locals.slice(parameters).map(({ type }) => [1, typeCodes[type]]));
  return sized([declarations, code, 0x0b]);
}

/** The name section, for readers of the disassembly: names of the function, and of the locals that have one. */
function names(name: string, { locals }: BuiltFunction): Code {
  const named = locals.flatMap((local, index) =>
    local.name ? [[unsigned(index), text(unique(local.name, index, locals))]] : [],
  );
  return [section(1, vector([[0, text(name)]])), section(2, vector([[0, vector(named)]]))];
}

/** Makes names unique, as the text format requires, by appending the index to repeated ones. */
function unique(name: string, index: number, locals: BuiltFunction['locals']): string {
  return locals.findIndex((local) => local.name === name) === index ? name : `${name}_${index}`;
}
