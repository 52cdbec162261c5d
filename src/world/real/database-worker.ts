// The worker thread of an owned database: opens the writing connection, imports the module and answers its requests
// one at a time, in order.

import { parentPort, workerData } from 'node:worker_threads'
import type { Database, OwnerFiles } from '../disk.ts'
import { Seal } from '../seal.ts'
import { openRealDatabase } from './database.ts'
import type { CarriedError, OwnerReply, OwnerStart } from './database-owner.ts'
import { realOwnerFiles } from './owner-files.ts'

type Answer = (message: unknown) => unknown

const port = parentPort!
const reply = (message: OwnerReply) => port.postMessage(message)

async function start({ path, moduleUrl, folder, keys }: OwnerStart): Promise<void> {
  const database = openRealDatabase(path, 'write')
  const module = (await import(moduleUrl)) as { serve(database: Database, files: OwnerFiles): Answer }
  const answer = module.serve(database, realOwnerFiles(folder, keys && new Seal(keys)))
  const waiting: ({ message: unknown } | 'close')[] = []
  let isBusy = false

  async function work(): Promise<void> {
    if (isBusy) return
    isBusy = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (next === 'close') {
        database.close()
        port.close()
        return
      }
      try {
        const result = answer(next.message)
        reply({ kind: 'value', value: isThenable(result) ? await result : result })
      } catch (error) {
        reply({ kind: 'error', error: carry(error) })
      }
    }
    isBusy = false
  }

  port.on('message', (message: { message: unknown } | 'close') => {
    waiting.push(message)
    void work()
  })
  reply({ kind: 'ready' })
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function carry(error: unknown): CarriedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  return { name: error.name, message: error.message, stack: error.stack, code, errcode }
}

start(workerData as OwnerStart).catch((error) => {
  reply({ kind: 'error', error: carry(error) })
  port.close()
})
