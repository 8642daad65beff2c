/**
 * What `dist/mobinet.min.js` contains, a single file that a plain script tag loads: `npm run bundle` makes it from this
 * module. Files written by `mobinet export --format js` contain it, too.
 */

import { setThreads } from '@mobinet/tensor/functions';

export { createClassifier, loadClassifier } from './export/classifier.js';

// Threads would need a second file.
void setThreads(1);
