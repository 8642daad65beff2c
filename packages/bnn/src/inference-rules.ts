import type { Rule } from '@mobinet/tensor/kernels';
import { foldedOutputTransformRules } from './folded-output-transform.rules.js';
import { outputTransformRules } from './output-transform.rules.js';

/** All rules by which `compile` fuses a binary network in evaluation. No bit of a result changes. */
export const inferenceRules: readonly Rule[] = [...foldedOutputTransformRules, ...outputTransformRules];
