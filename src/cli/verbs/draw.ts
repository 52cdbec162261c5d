// `borderpost draw`: a description as a picture, or in the language of another drawing tool.

import { writeFileSync } from 'node:fs'
import { draw } from '../../notation/draw.ts'
import { drawnAs, EXPORTS } from '../../notation/export.ts'
import { LAYERS } from '../../notation/layers.ts'
import type { Theme } from '../../notation/theme.ts'
import { EXIT, printFindings, readDescription } from '../read-description.ts'

export const FORMATS = ['svg', 'png', 'text', 'json', ...EXPORTS].join(', ')

const THEMES: readonly string[] = ['auto', 'light', 'dark'] satisfies Theme[]
export const LAYER_WORDS: readonly string[] = [...LAYERS, 'none', 'all']
const MAX_SCALE = 8

export interface DrawVerbOptions {
  readonly format: string
  readonly output?: string
  readonly theme: string
  readonly scale: string
  readonly layer: string
}

export async function drawFile(file: string, options: DrawVerbOptions): Promise<number> {
  if (!THEMES.includes(options.theme)) {
    console.error(`A theme is ${THEMES.join(', ')}.`)
    return EXIT.usage
  }
  const theme = options.theme as Theme
  const scale = Number(options.scale)
  if (!(scale > 0 && scale <= MAX_SCALE)) {
    console.error(`A scale is a number up to ${MAX_SCALE}.`)
    return EXIT.usage
  }
  const shown = options.layer.split(',')
  const layers = new Set(LAYERS.filter((one) => shown.includes(one) || shown.includes('all')))
  if (!shown.every((one) => LAYER_WORDS.includes(one))) {
    console.error(`A layer is ${LAYER_WORDS.join(', ')}; several are written with commas.`)
    return EXIT.usage
  }
  const isPicture = options.format === 'png'
  if (isPicture && options.output === undefined && process.stdout.isTTY) {
    console.error('A PNG is no text for a terminal: write it to a file with -o FILE.')
    return EXIT.usage
  }
  const description = readDescription(file)
  if (description === undefined) return EXIT.usage
  const { model, source } = description
  const drawn = isPicture
    ? await (await import('../png.ts')).pngOf(draw(model, { theme: theme === 'auto' ? 'light' : theme, layers }), scale)
    : drawnAs(model, options.format, { theme, layers })
  if (drawn === undefined) {
    console.error(`A format is ${FORMATS}.`)
    return EXIT.usage
  }
  if (options.output === undefined) process.stdout.write(drawn)
  else writeFileSync(options.output, drawn)
  const errors = model.findings.filter(({ severity }) => severity === 'error')
  return printFindings(errors, source, file, (line) => process.stderr.write(line)) > 0 ? EXIT.findings : EXIT.ok
}
