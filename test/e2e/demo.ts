// The demo as a child process, as a person or a script starts it: for tests with real sockets. Each start has its own
// folder and free ports; everything is gone again after the test file.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COMMAND = join(ROOT, 'bin', 'borderpost.js')
/** The description that `borderpost demo` runs. */
export const DEMO_TEXT = readFileSync(join(ROOT, 'src', 'system', 'demo.borderpost'), 'utf8')

const START_MS = 60_000
const STOP_MS = 15_000

export interface Door {
  readonly host: string
  readonly port: number
}

export interface DemoPerson {
  readonly address: string
  readonly password: string
  readonly imap: Door
  readonly imaps: Door
  readonly pop3: Door
  readonly pop3s: Door
  readonly managesieve: Door
  readonly jmap: string
  readonly submission: Door
  readonly submissions: Door
}

/** The line that `demo --json` prints when it is ready. */
interface Ready {
  readonly folder: string
  readonly web: string
  readonly dns: Door
  readonly agents: readonly { readonly name: string; readonly smtp?: Door }[]
  readonly people: readonly DemoPerson[]
}

export interface Demo {
  readonly ready: Ready
  readonly folder: string
  readonly process: ChildProcess
  /** What it has said on standard error so far. */
  said(): string
  person(name: string): DemoPerson
  /** Where an agent's Receiver listens. */
  receiver(agent: string): Door
  /** SIGINT, as Ctrl-C sends it; the exit code and how long it took. */
  stop(): Promise<{ readonly code: number | null; readonly tookMs: number }>
  /** SIGKILL. */
  kill(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export interface DemoOptions {
  /** Default: a new one, removed by `endDemos`. */
  readonly folder?: string
  /** A description file instead of the demo's own. */
  readonly file?: string
}

const folders: string[] = []

/** A folder that `endDemos` removes. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-e2e-'))
  folders.push(folder)
  return folder
}

/** Starts `borderpost demo --json` and waits until it is ready. Rejects with what it said when it is not. */
export async function startDemo({ folder = join(temporaryFolder(), 'demo'), file }: DemoOptions = {}): Promise<Demo> {
  const parameters = [COMMAND, 'demo', ...(file === undefined ? [] : [file]), '--json', '--folder', folder]
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => {
      running.delete(child)
      resolve(code)
    })
  })
  const line = await new Promise<string>((resolve, reject) => {
    let output = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the demo was not ready after ${START_MS} ms; it said:\n${errors}`))
    }, START_MS)
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
      if (!output.includes('\n')) return
      clearTimeout(timer)
      resolve(output)
    })
    void ended.then((code) => {
      clearTimeout(timer)
      reject(new Error(`the demo ended with ${code}; it said:\n${errors}`))
    })
  })
  const ready = JSON.parse(line) as Ready
  return {
    ready,
    folder: ready.folder,
    process: child,
    said: () => errors,
    person(name) {
      const person = ready.people.find(({ address }) => address.startsWith(`${name}@`))
      assert.ok(person, `nobody is called ${name}`)
      return person
    },
    receiver(agent) {
      const door = ready.agents.find(({ name, smtp }) => name === agent && smtp !== undefined)?.smtp
      assert.ok(door, `${agent} has no Receiver`)
      return door
    },
    async stop() {
      const sinceMs = performance.now()
      child.kill('SIGINT')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      const code = await ended
      clearTimeout(timer)
      return { code, tookMs: performance.now() - sinceMs }
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Ends every demo of this test file and removes the folders: for `after`. */
export async function endDemos(): Promise<void> {
  await Promise.all(
    [...running].map(
      (child) =>
        new Promise<void>((resolve) => {
          child.on('exit', () => resolve())
          child.kill('SIGKILL')
        }),
    ),
  )
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** Asks again and again until the answer is not undefined; else fails with what was waited for. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 20_000,
): Promise<T> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > endMs) assert.fail(`waited ${timeoutMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
