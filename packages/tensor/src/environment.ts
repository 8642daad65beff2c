/** Whether this is Node or a compatible runtime such as Deno or Bun, where Node's modules are available. */
export const isNode = typeof process !== 'undefined' && typeof process.getBuiltinModule === 'function';

/**
 * Returns an environment variable. The result is undefined where there is no environment, as on a web page, or where
 * reading it is not allowed, as in Deno without `--allow-env`.
 *
 * @example
 * ```ts
 * import { environmentVariable } from '@mobinet/tensor/kernels';
 *
 * console.log(environmentVariable('AN_UNUSUAL_NAME'));
 * // → undefined
 * ```
 */
export function environmentVariable(name: string): string | undefined {
  if (typeof process === 'undefined') return undefined;
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}
