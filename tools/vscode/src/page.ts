/** The page of a panel that shows a drawing. */

/** Characters that mean something in HTML, written out. */
export function escaped(text: string): string {
  const written: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
  return text.replace(/[&<>"']/g, (character) => written[character] ?? character)
}

/** A page with one picture, which fits the panel, and on a click stands in its own size. It loads nothing but that. */
export function drawingPage(title: string, picture: string, source: string, nonce: string): string {
  const policy = `default-src 'none'; img-src ${source}; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(policy)}">
<title>${escaped(title)}</title>
<style nonce="${nonce}">
  body { margin: 0; background: #fff; }
  img { display: block; max-width: 100%; max-height: 100vh; margin: auto; cursor: zoom-in; }
  img.whole { max-width: none; max-height: none; margin: 0; cursor: zoom-out; }
</style>
</head>
<body>
<img src="${escaped(picture)}" alt="${escaped(title)}" tabindex="0">
<script nonce="${nonce}">
  const image = document.querySelector("img")
  const turn = () => image.classList.toggle("whole")
  image.addEventListener("click", turn)
  image.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") turn(); })
</script>
</body>
</html>
`
}
