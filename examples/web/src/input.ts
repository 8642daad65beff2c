/** Calls `onFile` for every file that is picked, dropped or pasted. */
export function listenForFiles(
  pickers: readonly HTMLInputElement[],
  onFile: (file: File) => void,
  onProblem: (problem: string) => void,
): void {
  for (const picker of pickers) {
    picker.addEventListener('change', () => {
      const [file] = picker.files ?? [];
      // Without this, picking the same file again would fire no change event.
      picker.value = '';
      if (file) onFile(file);
    });
  }
  listenForDrops(onFile, onProblem);
  document.addEventListener('paste', ({ clipboardData }) => {
    const [file] = clipboardData?.files ?? [];
    if (file) onFile(file);
  });
}

function listenForDrops(onFile: (file: File) => void, onProblem: (problem: string) => void): void {
  const { classList } = document.body;
  document.addEventListener('dragover', (event) => {
    // Without this, the browser would open the file in place of the page.
    event.preventDefault();
    classList.add('dragging');
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    // The event also fires between elements of the page; then there is a related target.
    if (relatedTarget === null) classList.remove('dragging');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    classList.remove('dragging');
    const [file] = event.dataTransfer?.files ?? [];
    if (file) onFile(file);
    else onProblem('That is not a file. Save the image and drop the file.');
  });
}
