/** The style of the page. Charts use its colors, so that they follow the reader's choice of light or dark. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #fff; --ink: #1b1f24; --muted: #5c6570; --rule: #e3e6ea; --soft: #f5f6f8;
  --accent: #0b62a4; --val: #0072b2; --train: #c25400; --wrong: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181c; --ink: #e6e8eb; --muted: #9ba4af; --rule: #2c3138; --soft: #1c2025;
    --accent: #6cb6f5; --val: #56b4e9; --train: #f0a048; --wrong: #ff8f85;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 1232px; margin: 0 auto; padding: 28px 16px 64px; }
h1 { margin: 0; font-size: 26px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 4px; font-size: 19px; font-weight: 650; }
h3 { margin: 0; font-size: 14px; font-weight: 600; }
.subtitle, .note, .legend { color: var(--muted); }
.subtitle { margin: 4px 0 0; overflow-wrap: anywhere; }
.note { max-width: 75ch; margin: 0 0 18px; }
.legend { margin: 0; font-size: 12.5px; }
.legend span { margin-right: 14px; white-space: nowrap; }
.legend span::before {
  content: ""; display: inline-block; width: 16px; height: 3px; margin: 0 6px 3px 0; border-radius: 2px; background: var(--c);
}
.scale i {
  display: inline-block; width: 84px; height: 9px; margin: 0 4px; border-radius: 2px;
  background: linear-gradient(to right, transparent, var(--accent));
}
.facts { display: flex; flex-wrap: wrap; gap: 14px 36px; margin: 24px 0 0; }
.facts div { display: flex; flex-direction: column-reverse; }
.facts dt { color: var(--muted); font-size: 12.5px; }
.facts dd { margin: 0; font-size: 21px; font-weight: 600; line-height: 1.3; }
section { margin-top: 36px; padding-top: 22px; border-top: 1px solid var(--rule); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 350px), 1fr)); gap: 26px 32px; }
figure { margin: 0; min-width: 0; }
.stack figure + figure { margin-top: 10px; }
svg { display: block; width: 100%; height: auto; margin-top: 6px; }
svg text { font-family: inherit; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 28px 48px; }
.columns > div { min-width: 0; }
.scroll { overflow-x: auto; margin-top: 8px; }
table { border-collapse: collapse; font-size: 13px; }
th { font-weight: 500; text-align: left; }
thead th { color: var(--muted); font-size: 12px; vertical-align: bottom; }
th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--rule); }
td, thead th:not(:first-child) { text-align: right; }
tbody th { max-width: 320px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
td { white-space: nowrap; }
.matrix th, .matrix td { border: 0; }
.matrix thead th { padding: 0 0 4px; height: 1px; text-align: left; }
.matrix thead span { display: block; width: 27px; margin: auto; max-height: 110px; overflow: hidden; writing-mode: vertical-rl;
  transform: rotate(180deg); white-space: nowrap; line-height: 27px; }
.matrix tbody th { max-width: 116px; padding: 0 8px 0 0; text-align: right; }
.matrix tbody td {
  min-width: 27px; height: 27px; padding: 0 2px; text-align: center; font-size: 11.5px; border: 1px solid var(--page);
  background: color-mix(in srgb, var(--accent) calc(100% * var(--p)), var(--soft));
}
.matrix tbody td.miss { background: color-mix(in srgb, var(--wrong) calc(100% * var(--p)), var(--soft)); }
.matrix tbody td.deep { color: var(--page); }
.bar {
  display: inline-block; min-width: 92px; padding: 1px 4px; border-radius: 2px;
  background: linear-gradient(to right, color-mix(in srgb, var(--accent) 24%, transparent) calc(100% * var(--p)), var(--soft) 0);
}
.gallery {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(100px, 1fr)); gap: 16px 12px; margin: 12px 0 0; padding: 0;
  list-style: none; font-size: 12.5px; line-height: 1.35;
}
.gallery li { min-width: 0; overflow-wrap: anywhere; }
.gallery img { display: block; width: 96px; height: 96px; margin-bottom: 5px; border-radius: 3px; object-fit: contain; background: var(--soft); image-rendering: pixelated; }
.gallery b, .gallery .wrong {
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden;
}
.gallery b { font-weight: 600; }
.wrong { color: var(--wrong); }
h3 + .legend { margin-top: 2px; }
.columns + h3 { margin-top: 32px; }
details { margin-top: 14px; }
summary { width: fit-content; color: var(--muted); font-size: 13px; cursor: pointer; }
summary:hover { color: var(--ink); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media (min-width: 760px) { .charts > figure > figcaption { min-height: 42px; } }
@media print { details:not([open]) { display: none; } section { break-inside: avoid; } }
`;
