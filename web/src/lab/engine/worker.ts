// The engine's worker: answers one question after another. What Node has and a browser has not comes first (platform/), then
// the project's own code.

import './platform/globals.ts'
import type { Asker } from './answers.ts'
import type { FromWorker, Kind, ToWorker } from './protocol.ts'

const say = (message: FromWorker) => postMessage(message)
const cancelled = new Set<number>()
const stopped = new Set<number>()

async function begin(): Promise<(message: ToWorker) => Promise<void>> {
  const { ANSWERS, Cancelled, Refused } = await import('./answers.ts')
  return async ({ id, kind, ...rest }) => {
    if (kind === 'cancel' || kind === 'stop') return
    try {
      if (cancelled.has(id)) throw new Cancelled()
      const answer = ANSWERS[kind as Kind] as (ask: unknown, asker: Asker) => unknown
      const asker: Asker = {
        isStillThere: () => !cancelled.has(id),
        isEnough: () => stopped.has(id),
        progress: (share) => say({ kind: 'progress', id, share }),
      }
      say({ kind: 'answer', id, answer: await answer((rest as { ask: unknown }).ask, asker) })
    } catch (error) {
      if (error instanceof Cancelled) return
      if (error instanceof Refused) say({ kind: 'refused', id, words: error.message, findings: error.findings })
      else {
        console.error(error)
        say({ kind: 'refused', id, words: `Something went wrong within the engine: ${error}`, findings: [] })
      }
    } finally {
      cancelled.delete(id)
      stopped.delete(id)
    }
  }
}

const ready = begin()
// The page hears of it as an error of the worker.
let last: Promise<unknown> = ready.then(() => say({ kind: 'ready' }), reportError)

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'cancel') cancelled.add(data.id)
  else if (data.kind === 'stop') stopped.add(data.id)
  else last = last.then(() => ready).then((answer) => answer(data))
})
