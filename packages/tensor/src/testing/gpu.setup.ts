import { afterEach } from 'vitest';
import { finishGpuChecks, startGpuChecks } from './check-on-gpu.js';

// For test runs of the GPU: vitest.config.ts names it.

await startGpuChecks();
afterEach(finishGpuChecks);
