import { createRequire } from 'node:module';

/** The version of this package, which ONNX files name as that of their producer. */
export const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
