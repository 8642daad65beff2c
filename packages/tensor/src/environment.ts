/** Whether this is Node, or a program that does as Node does, such as Deno or Bun: modules of Node can be had. */
export const isNode = typeof process !== 'undefined' && typeof process.getBuiltinModule === 'function';

/**
 * A variable of the environment. It is undefined also where there is no environment, as on a web page, or where it may not be
 * read, as in Deno without `--allow-env`.
 */
export function environmentVariable(name: string): string | undefined {
  if (typeof process === 'undefined') return undefined;
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}
