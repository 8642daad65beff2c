/**
 * The module that the tests of a chapter check: the reader's `exercise.ts`, or `solution.ts` if MOBINET_SOLUTIONS=1. The
 * compiler requires both to have the same exports and types.
 *
 *     const { double } = await exercise(
 *       () => import('./exercise.js'),
 *       () => import('./solution.js'),
 *     );
 */
export function exercise<Module>(
  load: () => Promise<Module>,
  loadSolution: () => Promise<NoInfer<Module>>,
): Promise<Module> {
  return process.env.MOBINET_SOLUTIONS === '1' ? loadSolution() : load();
}
