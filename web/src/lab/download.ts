// Files made in the browser.

export function download(name: string, content: string | Blob, type = 'text/plain;charset=utf-8'): void {
  const url = URL.createObjectURL(typeof content === 'string' ? new Blob([content], { type }) : content)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** A name for files of this system, from its title. */
export function fileName(title: string | undefined): string {
  const words = (title ?? '')
    .normalize('NFKD')
    .replace(/[^\w\s-]/g, '')
    .trim()
    .toLowerCase()
    .split(/\s+/)
  return words.slice(0, 5).join('-').slice(0, 48) || 'system'
}

/** What browsers draw on one canvas. */
const MAX_SIDE = 8000

/** An SVG as PNG, twice as fine as its own measure where that fits. */
export async function pngOf(svg: string): Promise<Blob> {
  const image = new Image()
  // A data URL, not an object URL: the page's policy allows images no other place.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
  await image.decode()
  const scale = Math.min(2, MAX_SIDE / image.naturalWidth, MAX_SIDE / image.naturalHeight)
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale))
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale))
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height)
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob === null ? reject(new Error('The browser could not draw it.')) : resolve(blob)),
      'image/png',
    ),
  )
}
