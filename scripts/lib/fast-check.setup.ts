import { configureGlobal } from 'fast-check';

// The setup file of all tests. By default, fast-check draws at most ten elements more than twice `minLength`, whatever
// `maxLength` is, so that a test of up to 100 elements would not see more than 12.
configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });
