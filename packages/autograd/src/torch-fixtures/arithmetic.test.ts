import { compareWithTorch } from './compare.test.helper.js';

compareWithTorch('arithmetic');
