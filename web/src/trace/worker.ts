// The trace's worker: reads a message, or an mbox as a stream. What Node has and a browser has not comes first
// (lab/engine/platform), then the project's own code. Nothing leaves it but questions for keys that the page asked for.

import '../lab/engine/platform/globals.ts'
import type { Answer, Ask } from './protocol.ts'

const say = (answer: Answer) => postMessage(answer)

addEventListener('message', async ({ data }: MessageEvent<Ask>) => {
  try {
    const { readMessage, readMany } = await import('./reading.ts')
    if (data.kind === 'message') say({ kind: 'message', view: await readMessage(data) })
    else say({ kind: 'many', view: await readMany(data, (messages) => say({ kind: 'progress', messages })) })
  } catch (error) {
    say({ kind: 'failed', words: error instanceof Error ? error.message : String(error) })
  }
})
