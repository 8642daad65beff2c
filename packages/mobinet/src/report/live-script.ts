/**
 * Runs in a live page: every two seconds, it asks for the page, and replaces its contents if they are new. The server
 * answers 304 while nothing has changed. Tables that the reader has opened stay open.
 */
export const liveScript = `
let shown = '';
async function refresh() {
  const text = await fetch(location.href, { cache: 'no-cache' }).then((response) => response.text());
  if (text === shown) return;
  shown = text;
  const page = new DOMParser().parseFromString(text, 'text/html');
  const open = new Set([...document.querySelectorAll('details[open] > summary')].map((it) => it.textContent));
  for (const it of page.querySelectorAll('summary')) it.parentElement.open = open.has(it.textContent);
  document.querySelector('main').replaceWith(page.querySelector('main'));
  document.title = page.title;
}
setInterval(() => refresh().catch(() => {}), 2000);
`;
