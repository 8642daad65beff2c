import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type Confusion, classScores, confusedPairs } from './class-scores.js';

const classes = 4;
const index = fc.nat(classes - 1);
const guesses = fc.array(fc.record({ label: index, predicted: index }), { maxLength: 60 });

function confusionOf(guesses: readonly { label: number; predicted: number }[]): Confusion {
  const confusion = new Map<number, number>();
  for (const { label, predicted } of guesses) {
    const at = label * classes + predicted;
    confusion.set(at, (confusion.get(at) ?? 0) + 1);
  }
  return confusion;
}

test.prop([guesses])('precision and recall are the shares of their definitions', (guesses) => {
  const scores = classScores(confusionOf(guesses), classes);
  for (let c = 0; c < classes; c++) {
    const ofClass = guesses.filter(({ label }) => label === c);
    const takenFor = guesses.filter(({ predicted }) => predicted === c);
    const right = ofClass.filter(({ predicted }) => predicted === c).length;
    expect(scores[c]).toEqual({
      images: ofClass.length,
      predicted: takenFor.length,
      hits: right,
      precision: takenFor.length === 0 ? null : right / takenFor.length,
      recall: ofClass.length === 0 ? null : right / ofClass.length,
    });
  }
});

test.prop([guesses, fc.nat(5)])('confused pairs are the most frequent mistakes', (guesses, limit) => {
  const pairs = confusedPairs(confusionOf(guesses), classes, limit);
  const countOf = (label: number, predicted: number): number =>
    guesses.filter((guess) => guess.label === label && guess.predicted === predicted).length;
  for (const { label, predicted, count } of pairs) {
    expect(label).not.toBe(predicted);
    expect(count).toBe(countOf(label, predicted));
  }
  const all = Array.from({ length: classes ** 2 }, (_, at) => [Math.floor(at / classes), at % classes])
    .filter(([label, predicted]) => label !== predicted)
    .map(([label, predicted]) => countOf(label, predicted))
    .filter((count) => count > 0)
    .sort((a, b) => b - a);
  expect(pairs.map(({ count }) => count)).toEqual(all.slice(0, limit));
});
