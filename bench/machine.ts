import { availableParallelism, cpus } from 'node:os';

/** What figures were measured on. */
export const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  processors: availableParallelism(),
  node: `Node ${process.version}`,
});
