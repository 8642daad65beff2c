import { createRequire } from 'node:module';

/** The version of this package, which files that it writes name as their producer's. */
export const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
