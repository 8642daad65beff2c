/**
 * Compiles what has changed, and runs chapters of `examples`.
 *
 *     npm run chapter 4
 *
 * Chapters import the compiled modules of the packages, not their bundles, so that a change of these shows as well.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { chosenChapters } from './lib/chosen-chapters.js';
import { compile } from './lib/compile.js';

const closedPipe = new URL('./lib/closed-pipe.js', import.meta.url);
const options = ['--conditions=mobinet-unbundled', '--enable-source-maps', `--import=${closedPipe}`];
const chapters = chosenChapters('chapter', 'Compiles what has changed, and runs a chapter of examples/:');
await compile(chapters.map(({ name }) => `examples/${name}/chapter.js`));
for (const { folder } of chapters) {
  const { status } = spawnSync(process.execPath, [...options, join(folder, 'chapter.js')], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
