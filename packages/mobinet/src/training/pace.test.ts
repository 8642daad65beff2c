import { expect, test } from 'vitest';
import { Pace } from './pace.js';

test('the pace ignores the first step, unless it is the only one and took long', () => {
  const pace = new Pace();
  expect(pace.secondsFor({ train: 100, val: 0 })).toBeNull();
  pace.step(10, 9);
  expect(pace.secondsFor({ train: 100, val: 0 })).toBeNull();
  pace.step(10, 2);
  pace.step(30, 6);
  expect(pace.secondsFor({ train: 100, val: 0 })).toBeCloseTo(20);

  const slow = new Pace();
  slow.step(256, 128);
  expect(slow.secondsFor({ train: 1000, val: 0 })).toBeCloseTo(500);
  slow.step(256, 64);
  expect(slow.secondsFor({ train: 1000, val: 0 })).toBeCloseTo(250);
});

test('validation is estimated at a third of the work per image until one was measured', () => {
  const pace = new Pace();
  pace.step(10, 60);
  pace.step(10, 30);
  expect(pace.secondsFor({ train: 100, val: 50 })).toBeCloseTo(300 + 50);
  pace.validation(50, 25);
  expect(pace.secondsFor({ train: 100, val: 50 })).toBeCloseTo(300 + 25);
});
