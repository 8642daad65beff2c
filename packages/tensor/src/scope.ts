import { checkFunction, refusePromise } from './check.js';

/**
 * A scope owns the tensors that are created while it runs. Memory is freed by `dispose()` or at the end of a `tidy`,
 * never by the garbage collector, which does not see the memory behind a tensor, and would free GPU memory far too
 * late.
 */
interface Scope {
  readonly handles: Set<Owned>;
  readonly outer: Scope | null;
}

/** What a scope knows about a handle. */
interface Owned {
  readonly isTensorHandle: true;
  dispose(): void;
}

const none: ReadonlySet<Owned> = new Set();

let current: Scope | null = null;
let liveTensors = 0;

/** The number of handles that have not been disposed. */
export const countHandles = (): number => liveTensors;

/** `T`, or `never` for promises: an async callback would outlive its scope, so `tidy(async …)` does not compile. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * Runs `body`, and then disposes all tensors that it created except those in its result, which move to the enclosing
 * `tidy`. Results are searched at any depth: arrays, maps, sets and objects. If `body` throws, all its tensors are
 * disposed.
 *
 * @throws TypeError if `body` returns a promise.
 *
 * @example
 * ```ts
 * import { add, memory, mul, tensor, tidy } from '@mobinet/tensor';
 *
 * const before = memory().tensors;
 * const y = tidy(() => {
 *   const x = tensor([1, 2, 3]);
 *   return add(mul(x, x), 1); // x and the product are freed, the sum is returned
 * });
 * console.log(`${y.values}: ${memory().tensors - before} tensor is left`);
 * // → 2,5,10: 1 tensor is left
 * y.dispose();
 * ```
 */
export function tidy<T>(body: () => Synchronous<T>): T {
  checkFunction('tidy', body);
  const outer = current;
  const scope: Scope = { handles: new Set(), outer };
  current = scope;
  let survivors = none;
  try {
    const result = body() as T;
    refusePromise('tidy', result);
    survivors = handlesIn(result);
    return result;
  } finally {
    current = outer;
    for (const handle of scope.handles) {
      if (!survivors.has(handle)) handle.dispose();
      else outer?.handles.add(handle);
    }
  }
}

/**
 * Removes tensors from all enclosing `tidy` scopes, so that they live until `dispose()`. Returns its argument.
 *
 * @param value A tensor, or an array, map, set or object that contains some at any depth.
 *
 * @example
 * ```ts
 * import { keep, type Tensor, tensor, tidy } from '@mobinet/tensor';
 *
 * let cached: Tensor | undefined;
 * tidy(() => {
 *   cached = keep(tensor([1, 2, 3]));
 * });
 * console.log(`${cached?.values}`);
 * // → 1,2,3
 * ```
 */
export function keep<T>(value: T): T {
  for (const handle of handlesIn(value)) {
    for (let scope = current; scope !== null; scope = scope.outer) scope.handles.delete(handle);
  }
  return value;
}

/**
 * Disposes every tensor in `value`: a tensor, or an array, map, set or object that contains some at any depth.
 *
 * @example
 * ```ts
 * import { dispose, memory, ones } from '@mobinet/tensor';
 *
 * const before = memory().tensors;
 * const state = { weights: [ones([2]), ones([3])], step: 7 };
 * dispose(state);
 * console.log(memory().tensors - before);
 * // → 0
 * ```
 * @example With `using`, at the end of the block
 * ```ts
 * import { memory, ones, sum } from '@mobinet/tensor';
 *
 * const before = memory().tensors;
 * {
 *   using x = ones([3]);
 *   using total = sum(x);
 *   console.log(total.values[0]);
 * }
 * console.log(memory().tensors - before);
 * // → 3
 * // → 0
 * ```
 */
export function dispose(value: unknown): void {
  for (const handle of handlesIn(value)) handle.dispose();
}

/** Called only by `Handle`. */
export function enterScope(handle: Owned): void {
  liveTensors++;
  current?.handles.add(handle);
}

/** Called only by `Handle`. */
export function leaveScope(handle: Owned): void {
  liveTensors--;
  current?.handles.delete(handle);
}

function handlesIn(value: unknown): ReadonlySet<Owned> {
  // Fast paths for what most functions return.
  if (typeof value !== 'object' || value === null) return none;
  if (isHandle(value)) return new Set([value]);
  const handles = new Set<Owned>();
  const seen = new Set<object>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node) || seen.has(node)) return;
    seen.add(node);
    if (isHandle(node)) handles.add(node);
    else if (node instanceof Map || node instanceof Set) for (const item of node.values()) visit(item);
    else if (Array.isArray(node)) for (const item of node) visit(item);
    else for (const item of Object.values(node)) visit(item);
  };
  visit(value);
  return handles;
}

/** Checks a marker property instead of `instanceof`, because this module must not import the class that imports it. */
const isHandle = (node: object): node is Owned => 'isTensorHandle' in node;
