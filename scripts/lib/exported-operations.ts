import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './flags.js';

/** The functions that tensor and autograd export from files of operations and losses, sorted by name. */
export function exportedOperations(): string[] {
  const exported = ['tensor/src/functions.ts', 'autograd/src/index.ts'].flatMap((source) =>
    Array.from(
      readFileSync(join(root, 'packages', source), 'utf8').matchAll(
        /^export \{([^}]*)\} from '\.\/(?:ops\/|[\w-]*loss)/gm,
      ),
      ([, names]) => names.split(','),
    ).flat(),
  );
  const names = exported.map((name) => name.trim().replace(/^.* as /, ''));
  return names
    .filter((name) => /^[a-z]\w*$/.test(name) && !name.endsWith('Attributes'))
    .sort((a, b) => a.localeCompare(b));
}
