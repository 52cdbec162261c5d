// A picture as PNG: our SVG, painted by Skia with a font that comes along, so that it looks the same on a machine that has
// no fonts at all.

import { createRequire } from 'node:module'

/** What programs that show pictures can still take. */
const MAX_SIDE = 16_384
const MAX_PIXELS = 64_000_000

/** `scale` pixels for each unit of the SVG, fewer where the picture would become too large. */
export async function pngOf(svg: string, scale: number): Promise<Buffer> {
  const { createCanvas, GlobalFonts, loadImage } = await import('@napi-rs/canvas')
  const { resolve } = createRequire(import.meta.url)
  for (const font of ['DejaVuSans', 'DejaVuSans-Bold'])
    GlobalFonts.registerFromPath(resolve(`dejavu-fonts-ttf/ttf/${font}.ttf`))
  // Of the families that the picture asks for the machine's own come first: here only ours shall.
  const ours = svg.replace(/(?<=<style>[^<]*?)font-family:[^;}]*/, 'font-family:"DejaVu Sans"')
  const image = await loadImage(Buffer.from(ours))
  const { width, height } = image
  const fits = Math.min(scale, MAX_SIDE / width, MAX_SIDE / height, Math.sqrt(MAX_PIXELS / width / height))
  const canvas = createCanvas(Math.max(1, Math.floor(width * fits)), Math.max(1, Math.floor(height * fits)))
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas.toBuffer('image/png')
}
