/**
 * Writes what the site has besides the documents: the reference of all exports, pages of source code, charts of the
 * benchmarks, and the programs of the chapters as JavaScript. `npm run docs` calls it, and so does `site/build.ts`.
 */
import { fileURLToPath } from 'node:url';
import { writeBenchmarks } from './lib/benchmarks.js';
import { writePrograms } from './lib/programs.js';
import { writeReference } from './lib/reference.js';
import { writeSourcePages } from './lib/sources.js';

const folder = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

await writePrograms(folder('public'));
await writeBenchmarks(folder('benchmarks'));
await writeReference(folder('reference'));
await writeSourcePages(folder('source'));
