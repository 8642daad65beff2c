import { checkFunction } from './check.js';

/**
 * Scopes own the tensors made while they run. Memory is freed by `dispose()` or at the end of a
 * `tidy`, never by the garbage collector: typed-array memory is invisible to its bookkeeping, and on
 * a GPU it would come far too late.
 */
interface Scope {
  readonly handles: Set<Owned>;
  readonly outer: Scope | null;
}

/** What a scope knows of a handle. */
interface Owned {
  readonly isTensorHandle: true;
  dispose(): void;
}

const none: ReadonlySet<Owned> = new Set();

let current: Scope | null = null;
let liveTensors = 0;

/** How many handles were not disposed. */
export const countHandles = (): number => liveTensors;

/** An async callback would outlive its scope: `tidy(async …)` is a compile error. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * Runs `body` and frees every tensor made in it, except those in its result (looked for in arrays,
 * maps, sets and objects, at any depth), which pass to the enclosing scope. If `body` throws, all are freed.
 */
export function tidy<T>(body: () => Synchronous<T>): T {
  checkFunction('tidy', body);
  const outer = current;
  const scope: Scope = { handles: new Set(), outer };
  current = scope;
  let survivors = none;
  try {
    const result = body() as T;
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
      throw new TypeError('tidy: the callback returned a promise. Tensors are freed when it returns: await outside.');
    }
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

/** Takes tensors out of every running `tidy`, so that they live until `dispose()`. Returns its argument. */
export function keep<T>(value: T): T {
  for (const handle of handlesIn(value)) {
    for (let scope = current; scope !== null; scope = scope.outer) scope.handles.delete(handle);
  }
  return value;
}

/** Frees every tensor in a tensor, array, map, set or object. */
export function dispose(value: unknown): void {
  for (const handle of handlesIn(value)) handle.dispose();
}

/** Called by `Handle` alone. */
export function enterScope(handle: Owned): void {
  liveTensors++;
  current?.handles.add(handle);
}

/** Called by `Handle` alone. */
export function leaveScope(handle: Owned): void {
  liveTensors--;
  current?.handles.delete(handle);
}

function handlesIn(value: unknown): ReadonlySet<Owned> {
  // What most functions return.
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

/** By mark, not by `instanceof`: this module must not import the class that imports it. */
const isHandle = (node: object): node is Owned => 'isTensorHandle' in node;
