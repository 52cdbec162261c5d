// Apache James's ManageSieve scripts, against our server: what a client says and patterns of what it must hear. Of answers
// the status, the response code and the data lines count; the words are James's own. Of capabilities the names count.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type ServeManageSieveOptions, serveManageSieve } from '../../protocols/managesieve/serve.ts'
import { type Bench, MemoryClient, openBench, PASSWORD, USER } from '../../protocols/testing.ts'
import type { Stream } from '../../world/network.ts'
import { within } from './imap-house.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

const SCRIPT_MS = 20_000

type Step = { readonly say: string[] } | { readonly hear: string[] } | { readonly hearInAnyOrder: string[] }

export const managesieveMptSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of filesIn(dir, '.test')) {
    const name = basename(file, '.test')
    const folder = mkdtempSync(join(tmpdir(), 'borderpost-suite-'))
    const bench = await openBench(folder)
    const bugs: string[] = []
    try {
      await within(SCRIPT_MS, runScript(bench, readSteps(readFileSync(file, 'latin1')), bugs))
      report.check(name, '', bugs.join('\n'))
    } catch (error) {
      report.fail(name, 'the answers of the script', error instanceof Error ? error.message : String(error), bugs)
    } finally {
      await bench.close()
      rmSync(folder, { recursive: true })
    }
  }
  return report
}

function readSteps(text: string): Step[] {
  const steps: Step[] = []
  let block: string[] | undefined
  for (const line of text.split(/\r?\n/)) {
    const last = steps.at(-1)
    if (line.startsWith('SUB {')) steps.push({ hearInAnyOrder: (block = []) })
    else if (line === '}') block = undefined
    else if (line.startsWith('C:')) {
      const said = line.slice(3)
      if (last !== undefined && 'say' in last) last.say.push(said)
      else steps.push({ say: [said] })
    } else if (line.startsWith('S:')) {
      const heard = line.slice(3)
      if (block !== undefined) block.push(heard)
      else if (last !== undefined && 'hear' in last) last.hear.push(heard)
      else steps.push({ hear: [heard] })
    }
  }
  return steps.map(withEnvelope).map(withQuotedTag)
}

/** The tag of NOOP may come back as a literal or quoted (RFC 5804 §2.13): ours is quoted where it can be. */
function withQuotedTag(step: Step): Step {
  if (!('hear' in step)) return step
  const hear: string[] = []
  for (const line of step.hear) {
    const before = hear.at(-1)
    if (before !== undefined && /TAG \\?\{[0-9]+\\?\}$/.test(before)) {
      hear[hear.length - 1] = `${before.replace(/\\?\{[0-9]+\\?\}$/, '')}"${line.replace(/^(.*?)(\\?\))/, '$1"$2')}`
    } else hear.push(line)
  }
  return { hear }
}

const ADDED = ',"envelope"'

/**
 * James's scripts use the envelope test and require it not; RFC 5228 §5.4 has the capability string "envelope", and §3.2 asks
 * for it. It is required for them here, so that they test what they are for: the size of the literal grows with it.
 */
function withEnvelope(step: Step): Step {
  const amended = (lines: readonly string[]) => {
    if (!lines.some((line) => /^if envelope /.test(line))) return [...lines]
    const grown = (size: string) => String(Number(size) + ADDED.length)
    return lines.map((line) =>
      line
        .replace(/^(require \\?\["fileinto")/, `$1${ADDED}`)
        .replace(/\{([0-9]+)(\+\}|\\\})$/, (_whole, size: string, end: string) => `{${grown(size)}${end}`),
    )
  }
  if ('say' in step) return { say: amended(step.say) }
  return 'hear' in step ? { hear: amended(step.hear) } : step
}

async function runScript(bench: Bench, steps: readonly Step[], bugs: string[]): Promise<void> {
  const client = new MemoryClient()
  const { store, accounts, world } = bench
  // Where a script asks for room, its server has 50 bytes for a script.
  const asksForRoom = steps.some((step) => 'say' in step && step.say.some((line) => /^HAVESPACE/i.test(line)))
  const limits = { failureDelayMs: 1, ...(asksForRoom ? { scriptBytes: 50 } : {}) }
  const stream = { ...client.stream, startTls: async () => ({ protocol: 'TLSv1.3', cipher: '' }) }
  const report = (error: unknown) => bugs.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  const options = {
    store,
    accounts,
    tlsIdentity: { certificate: '', privateKey: '' },
    allowPlaintext: true,
    limits,
    report,
  }
  void serveManageSieve(stream as unknown as Stream, options as unknown as ServeManageSieveOptions, world)
  await client.until(/^OK/)
  let said = ''
  for (const step of steps) {
    if ('say' in step) {
      const isSecret = /^AUTHENTICATE/i.test(said) && !/^AUTHENTICATE/i.test(step.say[0]!)
      said = step.say[0]!
      for (const line of step.say) client.send(`${isSecret ? credentials(line) : line}\r\n`)
    } else if ('hear' in step) {
      for (const pattern of step.hear) await hear(client, said, [pattern])
    } else await hear(client, said, step.hearInAnyOrder)
    // After STARTTLS the server tells its capabilities unasked (RFC 5804 §2.2).
    if ('hear' in step && /^STARTTLS/i.test(said) && step.hear[0]!.startsWith('OK')) await client.until(/^OK/)
  }
  client.hangUp()
}

/** The scripts say a name and a password as they are; PLAIN says them in base64 (RFC 5804 §2.1, RFC 4616). */
function credentials(line: string): string {
  const [user, password] = line === 'user password' ? [USER, PASSWORD] : line.split(' ')
  return password === undefined ? line : `"${Buffer.from(`\0${user}\0${password}`).toString('base64')}"`
}

/** Takes as many lines as there are patterns; each pattern must have its line. */
async function hear(client: MemoryClient, said: string, patterns: readonly string[]): Promise<void> {
  const isCapability = /^CAPABILITY/i.test(said) && !/^(OK|NO|BYE)/.test(patterns[0]!)
  const lines: string[] = []
  if (isCapability) {
    for (let line = await client.line(); line !== undefined; line = await client.line()) {
      lines.push(line)
      if (line.startsWith('"VERSION"')) break
    }
  } else for (const _pattern of patterns) lines.push((await client.line()) ?? '(closed)')
  const left = [...lines]
  for (const pattern of patterns) {
    const found = left.findIndex((line) => isAsExpected(pattern, line, isCapability))
    if (found < 0) throw new Error(`after ${JSON.stringify(said)}: expected ${pattern}, heard ${lines.join(' / ')}`)
    left.splice(found, 1)
  }
}

function isAsExpected(pattern: string, line: string, isCapability: boolean): boolean {
  const status = /^(OK|NO|BYE)(?: \\\(([^)]*)\\\))?/.exec(pattern)
  if (status !== null) {
    const [, word, code] = status
    const heard = /^(OK|NO|BYE)(?: \(([^)]*)\))?/.exec(line)
    return heard?.[1] === word && (code === undefined || heard?.[2] === code)
  }
  if (isCapability) return /^"[^"]*"/.exec(line)?.[0] === /^"[^"]*"/.exec(pattern)?.[0]
  return new RegExp(`^${pattern}$`).test(line)
}
