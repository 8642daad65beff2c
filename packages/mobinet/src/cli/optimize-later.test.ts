import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

// Counts the calls of a function until TurboFan has optimized it: the number depends only on the length of its code.
const program = `
  const add = (x) => x + 1;
  let calls = 0;
  const isTurboFanned = 1 << 6;
  while (calls < 1e6 && !(%GetOptimizationStatus(add) & isTurboFanned)) { add(calls); calls++; }
  console.log(calls);`;

function callsUntilOptimized(...imports: readonly string[]): number {
  const flags = [
    '--allow-natives-syntax',
    '--no-concurrent-recompilation',
    '--no-use-osr',
    '--input-type=module',
    '--eval',
  ];
  const lines = imports.map((name) => `import '${new URL(name, import.meta.url)}';`);
  return Number(execFileSync(process.execPath, [...flags, lines.join('\n') + program], { encoding: 'utf8' }));
}

test.runIf(process.versions.v8.startsWith('11.3.'))('Node 20 optimizes functions later', () => {
  const before = callsUntilOptimized();
  const after = callsUntilOptimized('./optimize-later.js');
  expect(before).toBeGreaterThan(100);
  expect(after).toBeGreaterThan(2 * before);
  expect(after).toBeLessThan(8 * before);
});
