import type { Prediction } from 'mobinet';
import { bar, create } from './dom.js';

/** Shows the most probable classes as bars. */
export function showBars(list: HTMLElement, predictions: readonly Prediction[]): void {
  predictions.forEach(({ name, probability }, index) => {
    // Bars are reused and only change their length, so that the eye can follow.
    const item = list.children[index] ?? list.appendChild(newBar());
    item.querySelector('.name')!.textContent = name;
    item.querySelector('.percent')!.textContent = formatPercent(probability);
    item.querySelector<HTMLElement>('.fill')!.style.width = `${100 * probability}%`;
  });
  while (list.children.length > predictions.length) list.lastElementChild!.remove();
}

function newBar(): HTMLElement {
  const label = create(
    'div',
    { className: 'label' },
    create('span', { className: 'name' }),
    create('span', { className: 'percent' }),
  );
  return create('li', {}, label, bar(0));
}

export function formatPercent(probability: number): string {
  return `${(100 * probability).toFixed(1)} %`;
}
