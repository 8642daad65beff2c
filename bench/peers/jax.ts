import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Contender } from '@mobinet/bench/interleave';
import type { ConvShape } from './onnx-model.js';
import { nodeProgram } from './process.js';
import { Server } from './server.js';

/** A product [m, k] · [k, n], or a convolution. */
export type JaxRequest = { readonly m: number; readonly n: number; readonly k: number } | ConvShape;

const require = createRequire(import.meta.url);
export const jaxVersion: string = require(join(dirname(require.resolve('@jax-js/jax')), '../package.json')).version;

/** jax-js in its own process, which is started for the first request. */
export const jax = {
  server: null as Server | null,

  async contender(request: JaxRequest): Promise<Contender> {
    this.server ??= await Server.start('jax-js', nodeProgram(1, './jax-server.js', []));
    return this.server.contender({ ...request });
  },

  stop(): void {
    this.server?.stop();
  },
};
