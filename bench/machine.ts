import { availableParallelism, cpus } from 'node:os';

/** The machine that the figures are measured on. */
export const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  processors: availableParallelism(),
  node: `Node ${process.version}`,
});
