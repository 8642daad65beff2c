import { afterEach } from 'vitest';
import { finishGpuChecks, startGpuChecks } from './check-on-gpu.js';

// The setup file for test runs on a GPU, used by vitest.config.ts.

await startGpuChecks();
afterEach(finishGpuChecks);
