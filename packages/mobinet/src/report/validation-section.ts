import { encode } from 'fast-png';
import { type ClassScores, type Confusion, classScores, confusedPairs } from './class-scores.js';
import { details, Html, html, table } from './html.js';
import { percent, whole } from './numbers.js';
import type { WrongImage } from './predictions.js';
import type { Validation } from './report.js';

/** A larger confusion matrix is unreadable: only the most frequent confusions are shown. */
const largestMatrix = 30;

const mostPairs = 20;

/** If there are more classes, only those with the lowest recall are shown at first. */
const mostClasses = 30;

/** Confusions, the precision and recall of each class, and the images that the network is most confidently wrong on. */
export function validationSection({ predictions, network }: Validation): Html {
  const { classes, confusion, wrong } = predictions;
  const scores = classScores(confusion, classes.length);
  const images = scores.reduce((sum, { images }) => sum + images, 0);
  const hits = scores.reduce((sum, { hits }) => sum + hits, 0);
  return html`<section><h2>Validation images</h2>
<p class="note">${network}: ${whole(hits)} of ${whole(images)} images recognized (${percent(hits / images)}).</p>
<div class="columns"><div><h3>Confusions</h3>
${classes.length <= largestMatrix && matrix(classes, confusion)}
${pairTable(classes, confusion, scores)}</div>
<div><h3>Classes</h3>${classTables(classes, scores)}</div></div>
${wrong.length > 0 && gallery(classes, wrong)}</section>
`;
}

/** The confusion matrix as a table, shaded by the share of each class. */
function matrix(classes: readonly string[], confusion: Confusion): Html {
  const rows = classes.map((label, row) => {
    const counts = classes.map((_, column) => confusion.get(row * classes.length + column) ?? 0);
    const images = counts.reduce((sum, count) => sum + count, 0);
    const cells = counts.map((count, column) => {
      const shade = count === 0 ? 0 : 0.08 + (0.72 * count) / images;
      const kind = `${row === column ? 'hit' : 'miss'}${shade > 0.5 ? ' deep' : ''}`;
      return html`<td class="${kind}" style="--p:${shade.toFixed(3)}" title="${`${label} taken for ${classes[column]}`}">${count || ''}</td>`;
    });
    return html`<tr><th scope="row">${label}</th>${cells}</tr>
`;
  });
  return html`<p class="legend">Rows are the true classes, columns the predicted ones.</p>
<div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0"><table class="matrix">
<thead><tr><td></td>${classes.map((label) => html`<th scope="col"><span>${label}</span></th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function pairTable(classes: readonly string[], confusion: Confusion, scores: readonly ClassScores[]): Html {
  const pairs = confusedPairs(confusion, classes.length, mostPairs);
  if (pairs.length === 0) return html`<p class="note">No image was taken for another class.</p>`;
  const content = table(
    'Most frequent confusions',
    ['true class → predicted class', 'images', 'of its class'],
    pairs.map(({ label, predicted, count }) => [
      `${classes[label]} → ${classes[predicted]}`,
      whole(count),
      percent(count / scores[label].images),
    ]),
  );
  return classes.length <= largestMatrix ? details('Most frequent confusions', content) : content;
}

function classTables(classes: readonly string[], scores: readonly ClassScores[]): Html {
  const all = classes.map((name, at) => ({ name, ...scores[at] }));
  if (all.length <= mostClasses) return classTable('Precision and recall of all classes', all);
  const worst = [...all].sort((a, b) => (a.recall ?? 2) - (b.recall ?? 2)).slice(0, mostClasses);
  return html`<p class="legend">The ${worst.length} classes with the lowest recall.</p>
${classTable('Precision and recall of the classes with the lowest recall', worst)}
${details(`All ${classes.length} classes`, classTable('Precision and recall of all classes', all))}`;
}

function classTable(caption: string, rows: readonly (ClassScores & { readonly name: string })[]): Html {
  return table(
    caption,
    ['class', 'images', 'precision', 'recall'],
    rows.map(({ name, images, precision, recall }) => [name, whole(images), bar(precision), bar(recall)]),
  );
}

const bar = (share: number | null): Html =>
  html`<span class="bar" style="--p:${(share ?? 0).toFixed(3)}">${percent(share)}</span>`;

function gallery(classes: readonly string[], wrong: readonly WrongImage[]): Html {
  return html`<h3>Most confidently wrong</h3>
<p class="legend">As the network sees them: the true class, and what it took them for with what probability.</p>
<ul class="gallery">${wrong.map(({ name, label, predicted, probability, thumbnail }) => {
    const [truth, guess] = [classes[label], classes[predicted]];
    const { height, width, pixels: data } = thumbnail;
    const png = encode({ height, width, data, channels: 3 });
    const source = new Html(`data:image/png;base64,${Buffer.from(png).toString('base64')}`);
    return html`<li title="${name}"><img src="${source}" width="96" height="96" alt="${`${truth}, taken for ${guess}`}">
<b>${truth}</b><span class="wrong">${percent(probability)} ${guess}</span></li>
`;
  })}</ul>`;
}
