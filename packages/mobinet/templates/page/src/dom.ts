/** The element with this id. @throws Error if there is none of this type. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`);
  return element;
}

/** Makes an element with properties and children. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A bar that is filled to the fraction `part`. Hidden from screen readers, since a text beside it has the number. */
export function bar(part: number): HTMLElement {
  const fill = create('div', { className: 'fill' });
  fill.style.width = `${100 * part}%`;
  return create('div', { className: 'track', ariaHidden: 'true' }, fill);
}
