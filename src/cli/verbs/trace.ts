// `borderpost trace`: how a message came, as text, as a picture, or as data.

import { writeFileSync } from 'node:fs'
import { tracePicture } from '../../lab/trace/notation.ts'
import { renderTrace } from '../../lab/trace/render.ts'
import { trace } from '../../lab/trace/trace.ts'
import { renderPicture } from '../../notation/draw.ts'
import { EXIT, readInput } from '../read-description.ts'

export interface TraceVerbOptions {
  readonly trusted?: readonly string[]
  readonly output?: string
  readonly json: boolean
}

export function traceVerb(file: string, options: TraceVerbOptions): number {
  const message = readInput(file)
  if (message === undefined) return EXIT.usage
  const result = trace(message, options.trusted === undefined ? {} : { trustedBy: options.trusted })
  if (options.output !== undefined) writeFileSync(options.output, renderPicture(tracePicture(result)))
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : renderTrace(result))
  return EXIT.ok
}
