import type { Rule } from '@mobinet/tensor/kernels';
import { countLinesRules } from './count-lines.rules.js';
import { countTransformRules } from './count-transform.rules.js';

/** All that `compile` can do for a binary network in evaluation. No bit of a result changes. */
export const inferenceRules: readonly Rule[] = [...countLinesRules, ...countTransformRules];
